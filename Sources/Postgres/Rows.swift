/// What a statement answered: its rows, or how many rows it touched.
package struct Rows: RandomAccessCollection, Sendable {
    let result: ResultHandle
    let statement: String
    private let indexOfColumn: [String: Int]

    init(_ result: ResultHandle, statement: String) {
        self.result = result
        self.statement = statement
        var indices: [String: Int] = [:]
        for column in 0..<result.columnCount {
            let name = result.columnName(column)
            // Of two columns of one name the first counts, as in SQL clients everywhere.
            if indices[name] == nil { indices[name] = column }
        }
        indexOfColumn = indices
    }

    /// How many rows an insert, update, delete, merge or copy touched; for a select, how many it returned.
    package var affected: Int { result.affected }

    /// The names of the columns, in order.
    package var columns: [String] { (0..<result.columnCount).map(result.columnName) }

    package var startIndex: Int { 0 }
    package var endIndex: Int { result.rowCount }

    package subscript(position: Int) -> Row { Row(rows: self, number: position) }

    func index(of column: String) -> Int? { indexOfColumn[column] }
}

/// One row.
///
/// Its values are decoded when they are asked for.
package struct Row: Sendable {
    private let rows: Rows
    private let number: Int

    init(rows: Rows, number: Int) {
        self.rows = rows
        self.number = number
    }

    /// The value of a column.
    ///
    /// - Throws: `PostgresError` with code `decoding` when there is no such column, or it holds something else; NULL
    ///   is something else unless an optional is asked for.
    package func get<T: PostgresDecodable>(_ column: String, as type: T.Type = T.self) throws(PostgresError) -> T {
        guard let index = rows.index(of: column) else {
            throw failure("there is no column \"\(column)\"; there are \(rows.columns.joined(separator: ", "))")
        }
        return try get(index, as: type)
    }

    /// The value of the column at a position, counted from 0.
    package func get<T: PostgresDecodable>(_ index: Int, as type: T.Type = T.self) throws(PostgresError) -> T {
        try check(index)
        guard let text = rows.result.text(row: number, column: index) else {
            if let null = T.postgresNull { return null }
            throw failure("column \"\(rows.result.columnName(index))\" is null")
        }
        do throws(PostgresDecodingError) {
            return try T(postgresText: text)
        } catch {
            throw failure("column \"\(rows.result.columnName(index))\" holds no \(error.expected)")
        }
    }

    /// The whole number in the column at a position, without a detour through text: for what is read by the hundred thousand.
    ///
    /// - Throws: as `get` does.
    package func integer(_ index: Int) throws(PostgresError) -> Int64 {
        try check(index)
        if let value = rows.result.integer(row: number, column: index) { return value }
        return try get(index, as: Int64.self)
    }

    /// The text of the column at a position.
    package func text(_ index: Int) throws(PostgresError) -> String {
        guard let text = try optionalText(index) else {
            throw failure("column \"\(rows.result.columnName(index))\" is null")
        }
        return text
    }

    /// The text of the column at a position; nil for NULL.
    package func optionalText(_ index: Int) throws(PostgresError) -> String? {
        try check(index)
        return rows.result.text(row: number, column: index)
    }

    /// Whether the column at a position holds this very text; false for NULL.
    package func says(_ text: String, at index: Int) -> Bool {
        (0..<rows.result.columnCount).contains(index) && (0..<rows.result.rowCount).contains(number)
            && rows.result.says(text, row: number, column: index)
    }

    private func check(_ index: Int) throws(PostgresError) {
        guard (0..<rows.result.columnCount).contains(index) else {
            throw failure("there is no column number \(index); there are \(rows.result.columnCount)")
        }
        guard (0..<rows.result.rowCount).contains(number) else { throw failure("there is no row number \(number)") }
    }

    private func failure(_ message: String) -> PostgresError {
        PostgresError(.decoding, message, statement: rows.statement)
    }
}
