internal import Synchronization

/// What the node tells a run in flight.
///
/// The run looks at it between chunks, so that a chunk is torn only by an abandonment.
package final class RunSignals: Sendable {
    private enum Wish: Sendable {
        case none, handBack, cancel, abandon
    }

    private struct State: Sendable {
        var wish = Wish.none
        var lostPast: String?
        var isLeftBehind = false
        var whenAbandoned: (@Sendable () -> Void)?
        /// Of a run that waits for a wish; most look for one between chunks.
        var waiting: AsyncStream<Never>.Continuation?
    }

    private let state = Mutex(State())

    package init() {}

    /// The node drains: stop after this chunk, the run goes back.
    package func handBack() {
        state.withLock { state in
            if state.wish == .none { state.wish = .handBack }
            return state.waiting
        }?
        .finish()
    }

    /// An operator cancelled the run: stop after this chunk.
    package func cancel() {
        state.withLock { state in
            if state.wish != .abandon { state.wish = .cancel }
            return state.waiting
        }?
        .finish()
    }

    /// The lease is as good as lost: stop at once.
    package func abandon() {
        let (action, waiting) = state.withLock { state in
            state.wish = .abandon
            return (state.whenAbandoned, state.waiting)
        }
        action?()
        waiting?.finish()
    }

    /// Returns when anything was wished, or the task cancelled; for one task.
    package func untilStopped() async {
        let (stream, continuation) = AsyncStream<Never>.makeStream()
        let isWished = state.withLock { state in
            state.waiting = continuation
            return state.wish != .none
        }
        // Whoever wished before has found nobody waiting.
        if isWished { return }
        for await _ in stream {}
    }

    /// The database did not hold what this attempt had committed.
    func reportLostPast(_ what: String) { state.withLock { $0.lostPast = what } }

    /// What this attempt had committed and the database did not hold any more; nil where all was there.
    package var missesOfPast: String? { state.withLock { $0.lostPast } }

    /// Whether the lease is as good as lost.
    package var isAbandoned: Bool { state.withLock { $0.wish == .abandon } }

    /// Nobody waits for this attempt any more: whatever it comes to was told already.
    package func leaveBehind() { state.withLock { $0.isLeftBehind = true } }

    /// Whether nobody waits for this attempt any more.
    package var isLeftBehind: Bool { state.withLock { $0.isLeftBehind } }

    /// Has the action called when the run is abandoned, or at once where it was; it must not wait.
    package func onAbandonment(_ action: @escaping @Sendable () -> Void) {
        let isAbandoned = state.withLock { state in
            state.whenAbandoned = action
            return state.wish == .abandon
        }
        if isAbandoned { action() }
    }

    /// - Throws: what was wished, as the error that ends the run.
    package func check(_ run: RunIdentity) throws {
        switch state.withLock({ $0.wish }) {
        case .none: return
        case .handBack: throw HandedBack()
        case .cancel: throw RunCancelled()
        case .abandon: throw LeaseLost(run: run.id, fence: run.fence)
        }
    }
}
