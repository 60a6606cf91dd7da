internal import Synchronization

/// When the claim loop last came round. The watchdog and `/readyz` look here: a node that is alive but claims nothing is
/// a defect.
package final class Pulse: Sendable {
    private let last = Mutex<ContinuousClock.Instant?>(nil)
    private let error = Mutex<String?>(nil)

    package init() {}

    func beat() {
        last.withLock { $0 = .now }
        error.withLock { $0 = nil }
    }

    func missed(_ problem: String) { error.withLock { $0 = problem } }

    /// How long ago the claim loop last came round with an answer of the database; nil before its first.
    package var age: Duration? { last.withLock { $0.map { .now - $0 } } }

    /// Why it could not, the last time it tried.
    package var problem: String? { error.withLock { $0 } }
}
