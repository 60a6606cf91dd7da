package import Outbound

/// Mail through a relay.
///
/// The relay does not know a message that it is given twice: a repeat has the same Message-ID, and what drops it is the
/// recipient's mail server, if anything does.
package struct SMTPTransport: Transport {
    package let name: String
    package let knowsRepeats = false
    private let client: SMTPClient
    private let envelopeSender: @Sendable (OutgoingMessage) -> String
    private let compose: @Sendable (OutgoingMessage) -> Result<[UInt8], NotComposed>

    /// A message that cannot be written, and what that says about it.
    package struct NotComposed: Error, Sendable {
        package let why: String
        package let verdict: SendOutcome.Verdict

        package init(_ why: String, verdict: SendOutcome.Verdict = .configuration) {
            self.why = why
            self.verdict = verdict
        }
    }

    /// Speaks to nobody yet.
    ///
    /// - Parameters:
    ///   - name: as limits and records call it, such as `smtp:relay`.
    ///   - relay: who takes the messages.
    ///   - envelopeSender: where reports about a message go; see `bounceAddress(token:domain:)`.
    ///   - compose: the message as RFC 5322 has it.
    package init(
        name: String,
        relay: SMTPRelay,
        envelopeSender: @escaping @Sendable (OutgoingMessage) -> String,
        compose: @escaping @Sendable (OutgoingMessage) -> Result<[UInt8], NotComposed>
    ) {
        self.name = name
        client = SMTPClient(relay: relay)
        self.envelopeSender = envelopeSender
        self.compose = compose
    }

    package func send(_ message: OutgoingMessage) async -> SendOutcome {
        let bytes: [UInt8]
        switch compose(message) {
        case .success(let composed): bytes = composed
        case .failure(let fault): return SendOutcome(fault.verdict, phase: "compose", reply: fault.why)
        }
        let envelope = SMTPEnvelope(
            sender: envelopeSender(message),
            recipient: message.recipient,
            message: bytes
        )
        return SendOutcome(await client.send(envelope), recipient: message.recipient)
    }

    /// Ends the connections; messages on their way end as not sent, or as unknown.
    package func close() { client.close() }

    /// An envelope's sender that tells a report's reader which message it is about: `bounces+TOKEN@domain`.
    package static func bounceAddress(token: String, domain: String) -> String { "bounces+\(token)@\(domain)" }
}

extension SendOutcome {
    /// What a relay's outcome means, and what may be kept of its words.
    package init(_ outcome: SMTPOutcome, recipient: String) {
        var words: String
        var id: String?
        switch outcome.ending {
        case .accepted(let reply):
            words = reply.description
            id = SMTPWords.queueID(reply.text)
        case .refused(let reply): words = reply.description
        case .failed(let error): words = error.message
        }
        words = SMTPWords.withoutAddresses(words, recipient: recipient)
        self.init(
            Verdict(outcome),
            phase: outcome.phase.rawValue,
            code: outcome.reply?.code,
            reply: String(words.prefix(500)),
            providerID: id,
            took: outcome.took
        )
    }
}
