internal import CivilTime
internal import Glibc
package import Outbound
internal import Schedules
internal import Webhooks

/// Posts messages to endpoints of tenants, signed by Standard Webhooks 1.0.0 (standardwebhooks.com).
///
/// The host is resolved here, every address of it must be public, and the connection is made to an address that was looked at:
/// a name that changes its mind in between leads nowhere. Redirects are not followed. What an endpoint does says nothing of the
/// others, so that no outcome of it pauses the channel. The id of the post is the Message-ID: receivers know repeats by it.
package struct EndpointTransport: Transport {
    package let name = "endpoint"
    package let knowsRepeats = true
    private let settings: EndpointSettings
    private let ledger: any EndpointLedger
    private let resolver: EndpointResolver
    private let http: HTTPClient
    private let now: @Sendable () -> Int

    /// - Parameters:
    ///   - settings: what endpoints may be.
    ///   - ledger: knows them and their secrets.
    ///   - resolver: finds the addresses of their hosts.
    ///   - http: carries the posts.
    ///   - now: seconds since the epoch by a real clock, by which receivers judge the age of a post.
    package init(
        _ settings: EndpointSettings,
        ledger: any EndpointLedger,
        resolver: EndpointResolver = .system,
        http: HTTPClient,
        now: @escaping @Sendable () -> Int = { time(nil) }
    ) {
        self.settings = settings
        self.ledger = ledger
        self.resolver = resolver
        self.http = http
        self.now = now
    }

    package func send(_ message: OutgoingMessage) async -> SendOutcome {
        let began = ContinuousClock.now
        var outcome = await outcome(of: message)
        outcome.took = .now - began
        return outcome
    }

    private func outcome(of message: OutgoingMessage) async -> SendOutcome {
        guard let tenant = message.tenant else { return own(.hard, "endpoint", "the message belongs to no tenant") }
        let standing: EndpointStanding
        do {
            standing = try await ledger.standing(of: message.recipient, tenant: tenant)
        } catch {
            return SendOutcome(.transport, phase: "database", reply: String("\(error)".prefix(500)))
        }
        switch standing {
        case .unknown: return own(.hard, "endpoint", "there is no secret for it: bursar endpoints put makes one")
        case .disabled(let why):
            return own(.hard, "endpoint", "it is disabled (\(why)): bursar endpoints enable opens it")
        case .open(let secrets):
            let (outcome, end) = await post(message, signedWith: secrets)
            // Where this cannot be written the next post writes it.
            try? await ledger.note(end, of: message.recipient, tenant: tenant, disableAfter: settings.disableAfter)
            return outcome
        }
    }

    private func post(_ message: OutgoingMessage, signedWith secrets: [HiddenText]) async -> (SendOutcome, EndpointEnd)
    {
        let url: EndpointURL
        let addresses: [IPAddress]
        do throws(EndpointRefusal) {
            url = try EndpointURL(message.recipient, allowsPlainText: settings.allowsPlainText)
            addresses = try await resolver.vetted(url, settings)
        } catch {
            return (own(error.isOfURL ? .hard : .soft, "address", error.message), .failed)
        }
        var failure = own(.soft, "connect", "")
        for address in addresses.prefix(3) {
            do throws(OutboundError) {
                return judged(try await http.send(request(message, to: url, at: address, secrets)))
            } catch {
                let isCertain = !error.mayHaveArrived
                failure = own(isCertain ? .soft : .unknown, isCertain ? "connect" : "answer", error.message)
                guard error.code == .couldNotConnect else { break }
            }
        }
        return (failure, .failed)
    }

    private func judged(_ response: HTTPResponse) -> (SendOutcome, EndpointEnd) {
        var outcome = own(.soft, "answer", response.excerpt())
        outcome.code = response.status
        switch response.status {
        case 200...299:
            outcome.verdict = .accepted
            outcome.reply = ""
            return (outcome, .taken)
        case 300...399: outcome.reply = "it answers with a redirect, and none is followed"
        case 410:
            outcome.verdict = .hard
            return (outcome, .gone)
        case 429, 503: if let wait = response.retryAfter { outcome.verdict = .rateLimited(wait) }
        // Everything else may be mended by whoever runs it: it is tried again, and nobody is struck off the list for it.
        default: break
        }
        return (outcome, .failed)
    }

    private func request(
        _ message: OutgoingMessage,
        to url: EndpointURL,
        at address: IPAddress,
        _ secrets: [HiddenText]
    ) -> HTTPRequest {
        let body = Self.body(of: message)
        let timestamp = "\(now())"
        let signatures = secrets.compactMap { Self.signature(message.messageID, timestamp, body, $0) }
        return HTTPRequest(
            method: "POST",
            url: url.text,
            headers: [
                HTTPField("Content-Type", "application/json"), HTTPField("webhook-id", message.messageID),
                HTTPField("webhook-timestamp", timestamp),
                HTTPField("webhook-signature", signatures.joined(separator: " ")),
            ],
            body: body,
            timeout: settings.timeout,
            connectTimeout: min(.seconds(10), settings.timeout),
            pinnedAddress: address.description,
            maximumBytes: 64 << 10,
            allowsPlainText: url.isPlain
        )
    }

    /// `{"data": FACTS, "timestamp": WHEN, "type": "notice.CATEGORY"}`, keys in order.
    static func body(of message: OutgoingMessage) -> [UInt8] {
        let facts = (try? JSONValue(parsing: message.facts)) ?? .object([:])
        let body = JSONValue.object([
            "type": .text("notice.\(message.category ?? "message")"), "timestamp": .text("\(message.date)"),
            "data": facts,
        ])
        return Array(body.canonicalText.utf8)
    }

    /// `v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64; nil where the secret is none.
    static func signature(_ id: String, _ timestamp: String, _ body: [UInt8], _ secret: HiddenText) -> String? {
        guard secret.revealed.hasPrefix("whsec_"), let key = Base64.bytes(of: secret.revealed.dropFirst(6)) else {
            return nil
        }
        let value = SignatureCrypto.hmac(.sha256, key: key, message: Array("\(id).\(timestamp).".utf8) + body)
        return "v1,\(Base64.text(of: value))"
    }

    /// An outcome that says nothing of other endpoints.
    private func own(_ verdict: SendOutcome.Verdict, _ phase: String, _ reply: String) -> SendOutcome {
        var outcome = SendOutcome(verdict, phase: phase, reply: reply)
        outcome.isAboutRecipient = true
        return outcome
    }
}

/// RFC 4648 section 4, with padding.
private enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func text(of bytes: [UInt8]) -> String {
        var result: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            let word = part.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - part.count))
            for place in 0..<4 {
                let digit = alphabet[Int(word >> UInt32(18 - 6 * place) & 63)]
                result.append(place <= part.count ? digit : UInt8(ascii: "="))
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// Nil where it is something else.
    static func bytes(of text: some StringProtocol) -> [UInt8]? {
        var result: [UInt8] = []
        var (bits, count) = (UInt32(0), UInt32(0))
        let digits = text.utf8.reversed().drop { $0 == UInt8(ascii: "=") }.reversed()
        guard text.utf8.count % 4 == 0, text.utf8.count - digits.count <= 2 else { return nil }
        for byte in digits {
            guard let digit = alphabet.firstIndex(of: byte) else { return nil }
            (bits, count) = (bits << 6 | UInt32(digit), count + 6)
            guard count >= 8 else { continue }
            count -= 8
            result.append(UInt8(truncatingIfNeeded: bits >> count))
            bits &= (1 << count) - 1
        }
        return result
    }
}
