internal import Synchronization

/// When a loop of the node last came round.
///
/// The watchdog and `/readyz` look here: a node that is alive but does nothing is a defect.
package final class Pulse: Sendable {
    private struct State: Sendable {
        var turned: ContinuousClock.Instant?
        var answered: ContinuousClock.Instant?
        var problem: String?
    }

    private let state = Mutex(State())

    package init() {}

    /// The loop begins: from here on it must come round.
    func begin() {
        state.withLock { $0.turned = .now }
    }

    /// The loop came round, and the database answered.
    func beat() {
        state.withLock { $0 = State(turned: .now, answered: .now, problem: nil) }
    }

    /// The loop came round, and had nothing to ask.
    func turn() {
        state.withLock { $0.turned = .now }
    }

    /// The database answered what was asked beside the loop.
    func answer() {
        state.withLock { state in
            state.answered = .now
            state.problem = nil
        }
    }

    /// The loop came round, and could not do its work.
    func missed(_ problem: String) {
        state.withLock { state in
            state.turned = .now
            state.problem = problem
        }
    }

    /// How long ago the loop last came round, with whatever result; nil before it began.
    package var sinceTurn: Duration? { state.withLock { $0.turned.map { .now - $0 } } }

    /// How long ago the database last answered it; nil before the first time.
    package var sinceAnswer: Duration? { state.withLock { $0.answered.map { .now - $0 } } }

    /// Why it could not work, the last time it came round; nil where it could.
    package var problem: String? { state.withLock { $0.problem } }
}
