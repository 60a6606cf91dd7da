import CCurl
import Glibc

/// One connection's thread: it takes messages from the desk, one after another, and keeps its connection between them.
///
/// `@unchecked Sendable`, and the rule that guards it: other threads call `wake` alone, and only while they hold the desk's
/// lock and the lane stands there as idle or working; everything else belongs to the thread.
final class SMTPLane: @unchecked Sendable {
    private let relay: SMTPRelay
    /// The client owns the desk, and closes it when it goes.
    private let desk: SMTPDesk
    private let multi: UnsafeMutableRawPointer
    private var connection: SMTPConnection?

    private init?(_ relay: SMTPRelay, _ desk: SMTPDesk) {
        guard TransferLoop.isReady, let multi = curl_multi_init() else { return nil }
        self.relay = relay
        self.desk = desk
        self.multi = multi
    }

    deinit { curl_multi_cleanup(multi) }

    /// Starts a lane; false where the system gives no thread.
    static func start(_ relay: SMTPRelay, _ desk: SMTPDesk) -> Bool {
        guard let lane = SMTPLane(relay, desk) else { return false }
        let me = Unmanaged.passRetained(lane)
        var thread = pthread_t()
        let result = pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<SMTPLane>.fromOpaque(context).takeRetainedValue().run()
                return nil
            },
            me.toOpaque()
        )
        guard result == 0 else {
            me.release()
            return false
        }
        pthread_detach(thread)
        return true
    }

    /// Ends whatever the lane waits for.
    func wake() { curl_multi_wakeup(multi) }

    private func run() {
        TransferLoop.blockPipeSignal()
        var hasWaited = false
        while true {
            switch desk.turn(of: self, hasWaited: hasWaited) {
            case .deliver(let letter):
                deliver(letter)
                hasWaited = false
            case .wait:
                hasWaited = !waitForWork()
            case .end:
                dropConnection(politely: true)
                return
            }
        }
    }

    /// Waits to be woken; false when the idle timeout passed first.
    ///
    /// A relay that hangs up meanwhile is let go.
    private func waitForWork() -> Bool {
        let deadline = ContinuousClock.now + relay.idleTimeout
        while true {
            let rest = deadline - .now
            guard rest > .zero else { return false }
            switch SMTPWait.wait(multi, connection?.socket, for: .reading, rest) {
            // TLS sends things of its own, which are no words of the relay.
            case .ready: if connection?.isQuiet != true { dropConnection(politely: false) }
            case .woken: return true
            case .timedOut: continue
            }
        }
    }

    private func deliver(_ letter: SMTPDesk.Letter) {
        let began = ContinuousClock.now
        let outcome = attempt(letter)
        desk.finish(letter, outcome.taking(.now - began), self)
        // Only now: who waits for the message need not wait for the tidying up.
        if let connection, !connection.settle() { dropConnection(politely: false) }
    }

    private func attempt(_ letter: SMTPDesk.Letter) -> SMTPOutcome {
        let isInterrupted = { [desk] in desk.interruption(of: letter.id) }
        if let connection, !connection.isQuiet { dropConnection(politely: false) }
        let isKept = connection != nil
        if !isKept, let failure = connect(isInterrupted) { return failure }
        guard let outcome = connection?.deliver(letter.envelope, isInterrupted) else { return .noMemory(relay) }
        guard isKept, outcome.isOfDeadConnection else { return outcome }
        // It was dead before the relay heard of the message, as kept connections sometimes are.
        dropConnection(politely: false)
        if let failure = connect(isInterrupted) { return failure }
        return connection?.deliver(letter.envelope, isInterrupted) ?? outcome
    }

    private func connect(_ isInterrupted: () -> OutboundError.Code?) -> SMTPOutcome? {
        guard let connection = SMTPConnection(relay, multi) else { return .noMemory(relay) }
        if let failure = connection.open(isInterrupted) { return failure }
        self.connection = connection
        return nil
    }

    private func dropConnection(politely: Bool) {
        if politely { connection?.close() }
        connection = nil
    }
}

extension SMTPOutcome {
    fileprivate static func noMemory(_ relay: SMTPRelay) -> SMTPOutcome {
        SMTPOutcome(
            .connect,
            .failed(OutboundError(relay, .failed, "libcurl has no memory for a connection", mayHaveArrived: false))
        )
    }

    /// Whether it ended at MAIL because the connection broke or the relay was closing it.
    fileprivate var isOfDeadConnection: Bool {
        guard phase == .sender else { return false }
        switch ending {
        case .accepted: return false
        case .refused(let reply): return reply.code == 421
        case .failed(let error): return error.code == .interrupted
        }
    }
}

/// Waiting on a lane's thread.
enum SMTPWait {
    enum End { case ready, woken, timedOut }
    enum Wish { case reading, writing }

    /// Waits until a socket can be read or written, the lane is woken, or the time is over.
    ///
    /// A wake-up that comes before the wait ends it at once. Where the end is `.timedOut` the wait may have been shorter.
    static func wait(
        _ multi: UnsafeMutableRawPointer,
        _ socket: curl_socket_t?,
        for wish: Wish,
        _ duration: Duration
    ) -> End {
        var entry = curl_waitfd()
        entry.fd = socket ?? -1
        entry.events = Int16(wish == .reading ? CURL_WAIT_POLLIN : CURL_WAIT_POLLOUT)
        let limit = Int32(clamping: max(1, min(duration.milliseconds, 60_000)))
        let began = ContinuousClock.now
        var count: Int32 = 0
        let result = curl_multi_poll(multi, &entry, socket == nil ? 0 : 1, limit, &count)
        if result == CURLM_OK, entry.revents != 0 { return .ready }
        // libcurl does not say that it was woken; it was when it is back early.
        return ContinuousClock.now - began < .milliseconds(Int(limit)) ? .woken : .timedOut
    }
}
