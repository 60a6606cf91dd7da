internal import Synchronization

/// What the node tells a run in flight.
///
/// The run looks at it between chunks, so that a chunk is torn only by an abandonment.
package final class RunSignals: Sendable {
    private enum Wish: Sendable {
        case none, handBack, cancel, abandon
    }

    private let wish = Mutex(Wish.none)
    private let lostPast = Mutex<String?>(nil)
    private let whenAbandoned = Mutex<(@Sendable () -> Void)?>(nil)
    /// Of a run that waits for a wish; most look for one between chunks.
    private let waiting = Mutex<AsyncStream<Never>.Continuation?>(nil)

    package init() {}

    /// The node drains: stop after this chunk, the run goes back.
    package func handBack() {
        wish.withLock { if $0 == .none { $0 = .handBack } }
        waiting.withLock { $0 }?.finish()
    }

    /// An operator cancelled the run: stop after this chunk.
    package func cancel() {
        wish.withLock { if $0 != .abandon { $0 = .cancel } }
        waiting.withLock { $0 }?.finish()
    }

    /// The lease is as good as lost: stop at once.
    package func abandon() {
        wish.withLock { $0 = .abandon }
        whenAbandoned.withLock { $0 }?()
        waiting.withLock { $0 }?.finish()
    }

    /// Returns when anything was wished, or the task cancelled; for one task.
    package func untilStopped() async {
        let (stream, continuation) = AsyncStream<Never>.makeStream()
        waiting.withLock { $0 = continuation }
        // Whoever wished before has found nobody waiting.
        if wish.withLock({ $0 != .none }) { return }
        for await _ in stream {}
    }

    /// The database did not hold what this attempt had committed.
    func reportLostPast(_ what: String) { lostPast.withLock { $0 = what } }

    /// What this attempt had committed and the database did not hold any more; nil where all was there.
    package var missesOfPast: String? { lostPast.withLock { $0 } }

    /// Whether the lease is as good as lost.
    package var isAbandoned: Bool { wish.withLock { $0 == .abandon } }

    /// Has the action called when the run is abandoned, or at once where it was; it must not wait.
    package func onAbandonment(_ action: @escaping @Sendable () -> Void) {
        whenAbandoned.withLock { $0 = action }
        if isAbandoned { action() }
    }

    /// - Throws: what was wished, as the error that ends the run.
    package func check(_ run: RunIdentity) throws {
        switch wish.withLock({ $0 }) {
        case .none: return
        case .handBack: throw HandedBack()
        case .cancel: throw RunCancelled()
        case .abandon: throw LeaseLost(run: run.id, fence: run.fence)
        }
    }
}
