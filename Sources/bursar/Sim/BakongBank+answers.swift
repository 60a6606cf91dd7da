import Monetary
import Schedules
import Synchronization

/// What the simulated API says to one call.
struct SimAnswer: Sendable {
    var status = 200
    var body: String
    var type = "application/json"
    var headers: [(String, String)] = []
    /// How long the caller waits for it.
    var delay: Duration = .zero

    /// An envelope.
    static func envelope(_ errorCode: Int?, _ message: String, _ data: String = "null", status: Int = 200) -> SimAnswer
    {
        let members = [
            ("responseCode", errorCode == nil ? "0" : "1"), ("responseMessage", SimJSON.text(message)),
            ("errorCode", errorCode.map { "\($0)" } ?? "null"), ("data", data),
        ]
        return SimAnswer(status: status, body: SimJSON.object(members))
    }

    static func page(_ status: Int, _ title: String) -> SimAnswer {
        let head = "<html><head><title>\(status) \(title)</title></head>"
        let body = "<body><center><h1>\(status) \(title)</h1></center><hr><center>nginx</center></body></html>"
        return SimAnswer(status: status, body: head + body, type: "text/html")
    }

    static let notFound = envelope(1, "Transaction could not be found. Please check and try again.")
}

extension BakongBank {
    /// Answers a call of `/v1/ENDPOINT`.
    func answer(_ endpoint: String, body: String, bearer: String?) -> SimAnswer {
        let email = email
        return state.withLock { state in
            let number = (state.calls[endpoint] ?? 0) + 1
            state.calls[endpoint] = number
            let answer = state.answer(endpoint, body, bearer: bearer, call: "\(endpoint)/\(number)", email: email)
            state.answers["\(endpoint) \(answer.status)", default: 0] += 1
            return answer
        }
    }
}

extension BakongBank.State {
    private static let open: Set<String> = [
        "request_token", "verify", "renew_token", "generate_deeplink_by_qr", "check_bakong_account",
    ]

    fileprivate mutating func answer(
        _ endpoint: String,
        _ body: String,
        bearer: String?,
        call: String,
        email: String
    ) -> SimAnswer {
        if let fault = fault(endpoint, call) { return fault }
        if !Self.open.contains(endpoint), !(bearer.map(tokens.contains) ?? false) {
            return .envelope(6, "Unauthorized, not yet requested for token or code invalid", status: 401)
        }
        guard let question = try? JSONValue(parsing: body) else {
            return .envelope(5, "Missing required fields", status: 400)
        }
        var answer = answer(endpoint, question, call, email: email)
        if script.strikes(.timeoutAfter, call) { answer.delay = .milliseconds(script[.hang]) }
        return answer
    }

    /// What keeps the call from being understood at all.
    private func fault(_ endpoint: String, _ call: String) -> SimAnswer? {
        let isClosed =
            endpoint == "check_transaction_by_md5_list" && script.strikes(.md5ListClosed, call)
            || endpoint == "check_transaction_by_hash_list" && script.strikes(.hashListClosed, call)
        if isClosed || script.strikes(.forbidden, call) { return .page(403, "Forbidden") }
        if script.strikes(.serverError, call) { return .page(502, "Bad Gateway") }
        if script.strikes(.notJSON, call) { return SimAnswer(body: "upstream says hello", type: "text/plain") }
        if script.strikes(.rateLimited, call) {
            var answer = SimAnswer.envelope(9, "Too many requests", status: 429)
            answer.headers = [("Retry-After", "\(script[.retryAfter])")]
            return answer
        }
        return nil
    }

    private mutating func answer(
        _ endpoint: String,
        _ question: JSONValue,
        _ call: String,
        email: String
    ) -> SimAnswer {
        func field(_ name: String) -> String? { question.text(name) }
        let missing = SimAnswer.envelope(5, "Missing required fields", status: 400)
        switch endpoint {
        case "check_transaction_by_md5": return field("md5").map { byMD5($0) } ?? missing
        case "check_transaction_by_hash": return field("hash").map { byHash($0) } ?? missing
        case "check_transaction_by_md5_list": return list(question, "md5", call) ?? missing
        case "check_transaction_by_hash_list": return list(question, "hash", call) ?? missing
        case "check_transaction_by_short_hash": return byShortHash(question) ?? missing
        case "check_transaction_by_instruction_ref":
            return field("instructionRef").map { ref in first { $0.instructionRef == ref } } ?? missing
        case "check_transaction_by_external_ref":
            return field("externalRef").map { ref in first { $0.externalRef == ref } } ?? missing
        case "check_bakong_account": return field("accountId").map(account) ?? missing
        case "generate_deeplink_by_qr": return field("qr").map { deeplink($0, call) } ?? missing
        case "renew_token":
            guard let asked = field("email") else { return missing }
            guard asked == email else { return .envelope(10, "Not registered yet") }
            return .envelope(nil, "Token has been issued", SimJSON.object([("token", SimJSON.text(newToken()))]))
        case "request_token":
            guard let asked = field("email"), field("organization") != nil, field("project") != nil else {
                return missing
            }
            codes[SimDice.hexadecimal(20, seed: script[.seed], call)] = asked
            return .envelope(nil, "Please check your email")
        case "verify":
            guard let code = field("code") else { return missing }
            guard codes.removeValue(forKey: code) != nil else { return .envelope(6, "Unauthorized", status: 401) }
            return .envelope(nil, "Token has been issued", SimJSON.object([("token", SimJSON.text(newToken()))]))
        default: return .page(404, "Not Found")
        }
    }

    private func account(_ id: String) -> SimAnswer {
        guard id.contains("@") else { return .envelope(12, "Account ID is invalid") }
        return missingAccounts.contains(id)
            ? .envelope(11, "Account ID not found") : .envelope(nil, "Account ID exists")
    }

    private func deeplink(_ qr: String, _ call: String) -> SimAnswer {
        let link = "https://bakong.example/" + SimDice.hexadecimal(16, seed: script[.seed], call + qr)
        return .envelope(nil, "Getting deeplink successfully.", SimJSON.object([("shortLink", SimJSON.text(link))]))
    }
}

extension JSONValue {
    /// A member that is text and not empty.
    func text(_ name: String) -> String? {
        guard case .object(let members) = self, case .text(let text)? = members[name], !text.isEmpty else { return nil }
        return text
    }

    /// A member that is a whole number, also as text.
    func whole(_ name: String) -> Int64? {
        guard case .object(let members) = self else { return nil }
        switch members[name] {
        case .integer(let value): return value
        case .text(let text): return Int64(text)
        default: return nil
        }
    }

    func flag(_ name: String) -> Bool? {
        guard case .object(let members) = self, case .boolean(let value)? = members[name] else { return nil }
        return value
    }
}
