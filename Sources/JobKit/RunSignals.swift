internal import Synchronization

/// What the node tells a run in flight. The run looks at it between chunks, so that a chunk is never torn.
package final class RunSignals: Sendable {
    private enum Wish: Sendable {
        case none, handBack, cancel, abandon
    }

    private let wish = Mutex(Wish.none)

    package init() {}

    /// The node drains: stop after this chunk, the run goes back.
    package func handBack() { wish.withLock { if $0 == .none { $0 = .handBack } } }

    /// An operator cancelled the run: stop after this chunk.
    package func cancel() { wish.withLock { if $0 != .abandon { $0 = .cancel } } }

    /// The lease is as good as lost: begin nothing more.
    package func abandon() { wish.withLock { $0 = .abandon } }

    func check(_ run: RunIdentity) throws {
        switch wish.withLock({ $0 }) {
        case .none: return
        case .handBack: throw HandedBack()
        case .cancel: throw RunCancelled()
        case .abandon: throw LeaseLost(run: run.id, fence: run.fence)
        }
    }
}
