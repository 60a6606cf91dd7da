/// Sends mail through one relay without ever blocking the cooperative pool, over several connections that are kept.
///
/// Each connection has a thread of its own, started when there is more to do than the others can, and ended when there has
/// been nothing for the relay's idle timeout.
///
/// libcurl makes the connections: names, TCP, TLS, greeting, authentication. What follows we say ourselves over them, since
/// libcurl waits for the reply to a message inside of a call that blocks its whole loop, and hangs up on a relay that
/// refuses a recipient: `docs/decisions/one-thread-a-mail-connection.md` has the measurements.
package final class SMTPClient: Sendable {
    package let relay: SMTPRelay
    private let desk: SMTPDesk

    package init(relay: SMTPRelay) {
        self.relay = relay
        desk = SMTPDesk(relay: relay)
    }

    deinit { close() }

    /// Sends one message to one recipient, and says how far it came.
    ///
    /// It waits for a connection to be free for as long as that takes; from there on the relay's two timeouts bound it.
    /// A cancelled task takes its message back: `.cancelled`, with what is known of it. Each message is given to the relay
    /// once; only where a kept connection turns out to be dead before the relay has heard of the message, a new connection
    /// is tried, once.
    package func send(_ envelope: SMTPEnvelope) async -> SMTPOutcome {
        if let fault = relay.fault { return .refusedHere(.connect, relay, fault) }
        if let fault = envelope.fault { return .refusedHere(fault.phase, relay, fault.why) }
        return await desk.deliver(envelope)
    }

    /// Ends all connections; messages under way and later ones end as `.closed`.
    package func close() { desk.close() }
}

extension SMTPOutcome {
    fileprivate static func refusedHere(_ phase: Phase, _ relay: SMTPRelay, _ why: String) -> SMTPOutcome {
        SMTPOutcome(phase, .failed(.init(relay, .invalidRequest, why, mayHaveArrived: false)))
    }
}

extension OutboundError {
    init(_ relay: SMTPRelay, _ code: Code, _ message: String, curl: Int32 = 0, mayHaveArrived: Bool) {
        self.init(
            code: code,
            endpoint: relay.endpoint,
            curlCode: curl,
            message: message,
            mayHaveArrived: mayHaveArrived
        )
    }
}
