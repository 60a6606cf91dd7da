internal import CLibpq

extension PostgresError {
    /// The error of a failed result.
    init(_ result: ResultHandle, statement: String?) {
        let state = result.errorField("C").map(SQLState.init(rawValue:))
        let primary = result.errorField("M") ?? result.errorMessage
        self.init(
            Self.code(state, severity: result.errorField("V"), message: primary),
            Self.withoutValues(primary, state),
            statement: statement
        )
        sqlState = state
        detail = result.errorField("D")
        hint = result.errorField("H")
        constraint = result.errorField("n")
        table = result.errorField("t")
    }

    private static func code(_ state: SQLState?, severity: String?, message: String) -> Code {
        // Without a state the error is libpq's own, and it has those only for a connection that no longer works.
        guard let state else { return .connectionLost }
        if severity == "FATAL" || severity == "PANIC" { return .connectionLost }
        guard state == .queryCanceled else { return .server }
        return message.contains("timeout") ? .timedOut : .cancelled
    }

    /// Messages of class 22 ("invalid input syntax for type integer: …") quote the value; it is cut out.
    private static func withoutValues(_ message: String, _ state: SQLState?) -> String {
        guard state?.class == "22" else { return message }
        var text = ""
        var inQuotes = false
        for character in message {
            if character == "\"" {
                text += inQuotes ? "…\"" : "\""
                inQuotes.toggle()
            } else if !inQuotes {
                text.append(character)
            }
        }
        return inQuotes ? text + "…" : text
    }
}
