package import Outbound
internal import Schedules

/// Sends through an SMS gateway as the channels file describes it.
package struct SMSGatewayTransport: Transport {
    private let gateway: SMSGateway
    private let http: HTTPClient

    package init(_ gateway: SMSGateway, http: HTTPClient) {
        self.gateway = gateway
        self.http = http
    }

    package var name: String { TransportPlan.gateway(gateway).name }
    package var knowsRepeats: Bool { gateway.knowsRepeats }

    package func send(_ message: OutgoingMessage) async -> SendOutcome {
        let began = ContinuousClock.now
        var outcome = await outcome(of: message)
        outcome.took = .now - began
        return outcome
    }

    private func outcome(of message: OutgoingMessage) async -> SendOutcome {
        guard message.recipient.utf8.count(where: { (0x30...0x39).contains($0) }) >= 3 else {
            return SendOutcome(.hard, phase: "recipient", reply: "this is no telephone number")
        }
        do throws(OutboundError) {
            return outcome(of: try await http.send(gateway.request(for: message)))
        } catch {
            return SendOutcome(of: error)
        }
    }

    /// What an answer means: success, the first rule that fits, or what its status says by itself.
    func outcome(of response: HTTPResponse) -> SendOutcome {
        let text = String(decoding: response.body, as: UTF8.self)
        let json = AnswerJSON(response.body)
        var outcome = SendOutcome(.soft, phase: "answer", code: response.status, reply: response.excerpt())
        if gateway.success.statuses.contains(response.status),
            gateway.success.conditions.allSatisfy({ condition in
                json[condition.path].word.map(condition.words.contains) ?? false
            })
        {
            outcome.verdict = .accepted
            outcome.reply = ""
            outcome.providerID = gateway.success.idPath.flatMap { json[$0].word }.map { String($0.prefix(200)) }
            return outcome
        }
        let lower = text.lowercased()
        let rule = gateway.rules.first { rule in
            rule.status.map { $0 == response.status } ?? true
                && rule.words.map { lower.contains($0.lowercased()) } ?? true
        }
        outcome.verdict = verdict(rule?.outcome, response)
        return outcome
    }

    private func verdict(_ told: SMSGateway.Rule.Outcome?, _ response: HTTPResponse) -> SendOutcome.Verdict {
        switch told {
        case .transport: return .transport
        case .configuration: return .configuration
        case .soft: return .soft
        case .hard: return .hard
        case .policy: return .policy
        case .unknown: return .unknown
        case .rateLimited: return .rateLimited(response.retryAfter ?? .seconds(30))
        case nil: break
        }
        return switch response.status {
        case 401, 402, 403, 404, 405: .configuration
        case 429: .rateLimited(response.retryAfter ?? .seconds(30))
        case 503: .transport
        // It may have been sent before something broke.
        case 500...599: gateway.knowsRepeats ? .transport : .unknown
        default: .soft
        }
    }
}

extension SMSGateway {
    /// Every text in which places are filled in.
    var templates: [String] {
        var texts = [url] + headers.map(\.text)
        switch body {
        case .none: break
        case .form(let entries): texts += entries.map(\.text)
        case .json(let value): texts += value.texts
        }
        return texts
    }

    /// The words in braces of a text.
    static func places(in text: String) -> [String] {
        text.split(separator: "{", omittingEmptySubsequences: false).dropFirst().compactMap { piece in
            piece.firstIndex(of: "}").map { String(piece[..<$0]) }
        }
    }

    func request(for message: OutgoingMessage) -> HTTPRequest {
        var values = [
            "to": message.recipient, "number": message.recipient.filter { $0.isASCII && $0.isNumber },
            "text": message.content.text, "id": message.messageID,
        ]
        for (name, secret) in secrets { values["secret.\(name)"] = secret.revealed }
        var headers = headers.map { HTTPField($0.name, Self.filled($0.text, values)) }
        var bytes: [UInt8] = []
        switch body {
        case .none: break
        case .form(let entries):
            headers.append(HTTPField("Content-Type", "application/x-www-form-urlencoded"))
            let pairs = entries.map { "\(Self.encoded($0.name))=\(Self.encoded(Self.filled($0.text, values)))" }
            bytes = Array(pairs.joined(separator: "&").utf8)
        case .json(let value):
            headers.append(HTTPField("Content-Type", "application/json"))
            bytes = Array(value.mapTexts { Self.filled($0, values) }.canonicalText.utf8)
        }
        return HTTPRequest(
            method: method,
            url: Self.filled(url, values.mapValues(Self.encoded)),
            headers: headers,
            body: bytes,
            timeout: timeout,
            connectTimeout: min(.seconds(10), timeout),
            isSentOnce: !knowsRepeats,
            maximumBytes: 64 << 10,
            allowsPlainText: url.hasPrefix("http://")
        )
    }

    /// In one pass: what a value holds is never filled in again.
    static func filled(_ text: String, _ values: [String: String]) -> String {
        var pieces = text.split(separator: "{", omittingEmptySubsequences: false)
        var result = String(pieces.removeFirst())
        for piece in pieces {
            guard let end = piece.firstIndex(of: "}"), let value = values[String(piece[..<end])] else {
                result += "{" + piece
                continue
            }
            result += value + piece[piece.index(after: end)...]
        }
        return result
    }

    /// Percent-encoding of all but the unreserved letters of RFC 3986.
    static func encoded(_ text: String) -> String {
        let plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".utf8
        let digits = Array("0123456789ABCDEF")
        var result = ""
        for byte in text.utf8 {
            if plain.contains(byte) {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                result += ["%", String(digits[Int(byte >> 4)]), String(digits[Int(byte & 15)])].joined()
            }
        }
        return result
    }
}

extension JSONValue {
    /// Every text in it.
    fileprivate var texts: [String] {
        switch self {
        case .text(let text): [text]
        case .list(let values): values.flatMap(\.texts)
        case .object(let members): members.values.flatMap(\.texts)
        case .null, .boolean, .integer, .number: []
        }
    }

    /// The same with other texts; names of members stay.
    fileprivate func mapTexts(_ change: (String) -> String) -> JSONValue {
        switch self {
        case .text(let text): .text(change(text))
        case .list(let values): .list(values.map { $0.mapTexts(change) })
        case .object(let members): .object(members.mapValues { $0.mapTexts(change) })
        case .null, .boolean, .integer, .number: self
        }
    }
}
