/// One SQL statement with its name, by which logs, errors and the server's prepared statements know it.
///
/// Statements are constants: `static let issue = Statement("billing.issue_invoices", "insert …")`. A name belongs to one
/// text, everywhere in the program, and has at most 63 bytes. Values go into `$1`, `$2` …, never into the text.
package struct Statement: Sendable, Hashable {
    package let name: String
    package let sql: String

    package init(_ name: String, _ sql: String) {
        self.name = name
        self.sql = sql
    }

    /// The statement together with its values, ready for a pipeline.
    package func bind(_ parameters: any PostgresEncodable...) -> BoundStatement {
        BoundStatement(self, parameters)
    }
}

/// A statement with the values of its parameters.
package struct BoundStatement: Sendable {
    package let statement: Statement
    package let parameters: [any PostgresEncodable]

    package init(_ statement: Statement, _ parameters: [any PostgresEncodable] = []) {
        self.statement = statement
        self.parameters = parameters
    }
}
