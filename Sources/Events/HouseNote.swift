package import Postgres

/// An act that belongs to no tenant, as event and audit row: what an operator or a node did to a run or a schedule.
package struct HouseNote: Sendable {
    /// What was done, in the past: `run.approved`.
    package let kind: String
    package let subjectKind: String
    package let subject: Int64
    /// A JSON object with the reason and the facts.
    package let content: JSONText

    package init(_ kind: String, _ subjectKind: String, _ subject: Int64, content: JSONText = JSONText("{}")) {
        self.kind = kind
        self.subjectKind = subjectKind
        self.subject = subject
        self.content = content
    }

    /// Written in the transaction of the act, whose `bursar.actor` says who it was.
    package func write(in transaction: Transaction) async throws {
        try await transaction.query(Self.statement, kind, subjectKind, subject, content)
    }

    private static let statement = Statement(
        "events.note_of_house",
        "select bursar.note_of_house($1, $2, $3, $4::jsonb)"
    )

    /// For the test that prepares every statement.
    package static let all = [statement]
}
