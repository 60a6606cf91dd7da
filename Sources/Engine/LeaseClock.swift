internal import Synchronization

/// What a node may believe about its own lease, by its own monotonic clock.
///
/// A pure state machine: it never reads a clock. The lease is counted from the start of the renewal call, so the node's
/// belief ends before the database's does, whatever the call took.
package struct LeaseClock: Equatable, Sendable {
    /// What the node does next.
    package enum Action: Equatable, Sendable {
        case renew(at: ContinuousClock.Instant)
        /// Begin nothing more and end what runs: a peer may take it over any moment.
        case abandon
    }

    private let length: Duration
    private let margin: Duration
    private var heldUntil: ContinuousClock.Instant

    /// A lease that was granted by a call that began at `start`.
    package init(length: Duration, grantedAt start: ContinuousClock.Instant) {
        self.length = length
        margin = length / 10
        heldUntil = start + length
    }

    /// The renewal that began at `start` succeeded.
    package mutating func renewed(callBegan start: ContinuousClock.Instant) {
        heldUntil = max(heldUntil, start + length)
    }

    /// The moment after which nothing may be begun.
    package var abandonAt: ContinuousClock.Instant { heldUntil - margin }

    /// What to do after the last answer, good or bad, that came at `now`.
    package func next(now: ContinuousClock.Instant, lastAttemptFailed: Bool) -> Action {
        guard now < abandonAt else { return .abandon }
        let pause = lastAttemptFailed ? length / 20 : length / 3
        return .renew(at: min(now + pause, abandonAt))
    }
}

/// What a node believes about its lease, as its renewal and its watch share it.
final class LeaseBelief: Sendable {
    private struct State: Sendable {
        var clock: LeaseClock
        var isGivenUp = false
    }

    private let state: Mutex<State>

    init(_ clock: LeaseClock) { state = Mutex(State(clock: clock)) }

    var clock: LeaseClock { state.withLock { $0.clock } }
    var isGivenUp: Bool { state.withLock { $0.isGivenUp } }

    /// The renewal that began at `start` succeeded; a lease that was given up stays so.
    func renewed(callBegan start: ContinuousClock.Instant) {
        state.withLock { $0.clock.renewed(callBegan: start) }
    }

    /// - Returns: whether it was this call that gave the lease up.
    func giveUp() -> Bool {
        state.withLock { state in
            defer { state.isGivenUp = true }
            return !state.isGivenUp
        }
    }
}
