internal import Outbound

/// What came back from a call: a classified fault, or an envelope that says something.
struct BakongAnswer: Sendable {
    /// The envelope's own code: 0 for success.
    let responseCode: Int?
    /// Bakong's error code; nil where there is none.
    let errorCode: Int?
    let body: ExactJSON

    /// How much of a body that is no JSON is kept, in bytes.
    static let excerptLength = 512

    /// Reads an answer by its status first: a page from a firewall must not be taken for a word about a payment.
    ///
    /// Codes 1, 2 and 3 say something of a payment and are no faults; they count only with status 200 or 404.
    ///
    /// No excerpt holds one of the secrets, though the answer repeats them; with nil nothing of a body is kept.
    static func read(_ response: HTTPResponse, hiding secrets: [BakongSecret]? = []) throws(BakongFault) -> BakongAnswer
    {
        let answer = envelope(response.body)
        func excerpt(_ bytes: [UInt8]) -> String { secrets.map { Self.excerpt(bytes, hiding: $0) } ?? "" }
        switch response.status {
        case 200...299: break
        // The envelope alone tells "no such payment" from "no such page".
        case 404 where answer?.responseCode == 1: break
        case 400: throw .ourBug(answer?.errorCode.map { "errorCode \($0)" } ?? "status 400")
        case 401: throw .unauthorized
        case 403: throw .forbidden(excerpt: excerpt(response.body))
        case 429: throw .rateLimited(after: wait(response))
        case 500...599: throw .serverError(status: response.status, excerpt: excerpt(response.body))
        default: throw .unexpectedStatus(response.status, excerpt: excerpt(response.body))
        }
        guard let answer else { throw .notJSON(status: response.status, excerpt: excerpt(response.body)) }
        try answer.check()
        return answer
    }

    private static func envelope(_ bytes: [UInt8]) -> BakongAnswer? {
        guard let body = try? ExactJSON(parsing: bytes), body.isObject || body.list != nil else { return nil }
        return BakongAnswer(responseCode: body["responseCode"]?.whole, errorCode: body["errorCode"]?.whole, body: body)
    }

    private func check() throws(BakongFault) {
        switch (responseCode, errorCode) {
        case (0, nil), (1, 1), (1, 2), (1, 3), (1, 11), (1, 12): return
        case (1, 4), (1, 7), (1, 9): throw .providerTrouble(errorCode: errorCode ?? 0)
        case (1, 5): throw .ourBug("errorCode 5: a required field is missing")
        case (1, 6): throw .unauthorized
        case (1, let code?): throw .needsPerson(errorCode: code)
        case (1, nil): throw .unknownShape("responseCode 1 without an errorCode")
        case (0, let code?): throw .unknownShape("responseCode 0 with errorCode \(code)")
        case (nil, _): throw .unknownShape("there is no responseCode")
        case (let code?, _): throw .unknownShape("responseCode \(code)")
        }
    }

    /// The payload's own member, by either name that is met.
    var data: ExactJSON? { body["data"] ?? body["transaction"] }

    /// The start of a body, as text that the database takes.
    static func excerpt(_ bytes: [UInt8], hiding secrets: [BakongSecret]) -> String {
        // Taken longer at first: a secret that begins in the part that is kept may end behind it.
        let longest = secrets.map(\.revealed.utf8.count).max() ?? 0
        var text = String(decoding: bytes.prefix(excerptLength + longest), as: UTF8.self)
        for secret in secrets where !secret.revealed.isEmpty { text = text.replacing(secret.revealed, with: "…") }
        text = String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value == 0 ? "\u{FFFD}" : $0 }))
        while text.utf8.count > excerptLength { text.unicodeScalars.removeLast() }
        return text
    }

    /// `Retry-After` in seconds; a minute where it says nothing of use, a day at most.
    private static func wait(_ response: HTTPResponse) -> Duration {
        guard let text = response[header: "Retry-After"], let seconds = BakongDecimal(text.trimmed),
            let whole = seconds.whole(timesTenTo: 0)?.value, whole > 0
        else { return .seconds(60) }
        return .seconds(min(whole, 86_400))
    }
}
