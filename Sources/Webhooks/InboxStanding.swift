package import CivilTime
internal import Synchronization

/// Whether the inbox can store, and what time the database has: no node's own clock decides whether a post is stale.
package final class InboxStanding: Sendable {
    private struct State {
        var problem: String? = "the database has not answered yet"
        var heard: ContinuousClock.Instant?
        var clock: (instant: Instant, at: ContinuousClock.Instant)?
    }

    private let state = Mutex(State())

    package init() {}

    /// The database answered.
    func heard(now: Instant? = nil) {
        state.withLock { state in
            state.problem = nil
            state.heard = .now
            if let now { state.clock = (now, .now) }
        }
    }

    func failed(_ problem: String) { state.withLock { $0.problem = problem } }

    /// Why nothing can be stored; nil where it can.
    package var problem: String? {
        state.withLock { state in
            if let problem = state.problem { return problem }
            guard let heard = state.heard, ContinuousClock.now - heard < .seconds(8) else {
                return "the database has not answered for a while"
            }
            return nil
        }
    }

    /// The database's time, as far as this node can tell; nil before its first answer.
    package var now: Instant? {
        state.withLock { state in
            state.clock.map { $0.instant.adding(ContinuousClock.now - $0.at) }
        }
    }

    /// Whether it is time to ask the database for a sign of life, or for the time: clocks drift apart, however busy it is.
    var wantsToHear: Bool {
        state.withLock { state in
            guard state.problem == nil, let heard = state.heard, let clock = state.clock else { return true }
            return ContinuousClock.now - heard > .seconds(2) || ContinuousClock.now - clock.at > .seconds(60)
        }
    }
}
