internal import CLibpq

/// The keywords and values that libpq gets: the URL's own, and our defaults where it is silent.
struct ConnectionOptions: Sendable {
    private(set) var values: [(keyword: String, value: String)] = []

    /// - Throws: `PostgresError` with code `misuse` for a text that is neither a URL nor a connection string. The text
    ///   is not repeated: it may hold a password.
    init(_ configuration: PostgresConfiguration) throws(PostgresError) {
        try parse(configuration.url)
        for (keyword, value) in configuration.connectionDefaults where self[keyword] == nil {
            values.append((keyword, value))
        }
        if !configuration.pooled {
            let ours = configuration.sessionSettings.map { "-c \($0.name)=\($0.value)" }.joined(separator: " ")
            // What stands later wins, so the URL's own options come last.
            let all = self["options"].map { "\(ours) \($0)" } ?? ours
            values.removeAll { $0.keyword == "options" }
            values.append(("options", all))
        }
    }

    subscript(keyword: String) -> String? { values.first { $0.keyword == keyword }?.value }

    private mutating func parse(_ text: String) throws(PostgresError) {
        var message: UnsafeMutablePointer<CChar>?
        let parsed = PQconninfoParse(text, &message)
        defer { PQfreemem(message) }
        guard let parsed else {
            throw PostgresError(
                .misuse,
                "the database URL cannot be read; expected postgresql://user@host:5432/name?sslmode=verify-full,"
                    + " with special characters percent-encoded, or libpq's keyword=value pairs"
            )
        }
        defer { PQconninfoFree(parsed) }
        var option = parsed
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { values.append((String(cString: keyword), String(cString: value))) }
            option += 1
        }
    }
}
