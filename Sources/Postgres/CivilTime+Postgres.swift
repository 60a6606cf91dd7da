package import CivilTime

extension CivilDate: PostgresEncodable, PostgresDecodable {
    package var postgresText: String? { description }

    /// Reads a date of the style ISO.
    package init(postgresText: String) throws(PostgresDecodingError) {
        guard let date = CivilDate(postgresText) else { throw PostgresDecodingError(expected: "date") }
        self = date
    }
}

extension Instant: PostgresEncodable, PostgresDecodable {
    package var postgresText: String? { description }

    /// Reads a timestamptz of the style ISO; it carries its offset.
    package init(postgresText: String) throws(PostgresDecodingError) {
        guard let instant = Instant(postgresText) else { throw PostgresDecodingError(expected: "timestamptz") }
        self = instant
    }
}
