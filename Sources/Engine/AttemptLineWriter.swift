internal import JobKit
internal import Synchronization

/// Stores the lines of one attempt while it runs, a second after the first of a batch, and what is left at its end.
///
/// An attempt that says nothing costs nothing here.
final class AttemptLineWriter: Sendable {
    private struct State: Sendable {
        var pending: Task<Void, Never>?
        var isFinished = false
    }

    private let run: RunIdentity
    private let store: AttemptLineStore
    private let state = Mutex(State())
    private let said = Mutex<AttemptLines?>(nil)

    /// Lines that come within this time are stored together.
    private static let pause = Duration.seconds(1)

    init(_ run: RunIdentity, _ store: AttemptLineStore) {
        self.run = run
        self.store = store
    }

    /// What is said in the attempt.
    var lines: AttemptLines {
        said.withLock { said in
            if let said { return said }
            let lines = AttemptLines()
            lines.onFresh { [weak self] in self?.linesCame() }
            said = lines
            return lines
        }
    }

    /// Stores what is left; nothing is stored after it has returned.
    ///
    /// It is done though the task was cancelled.
    func finish() async {
        guard let lines = said.withLock({ $0 }) else { return }
        let pending = state.withLock { state in
            state.isFinished = true
            return state.pending
        }
        pending?.cancel()
        await pending?.value
        let rest = lines.takeAll()
        guard !rest.isEmpty else { return }
        await Task { await store.store(rest, of: run, orPutBackInto: lines) }.value
    }

    /// The task is waited for by `finish()`; a child of the attempt's own tasks would have to be there for every run, also for
    /// those that say nothing.
    private func linesCame() {
        state.withLock { state in
            guard !state.isFinished else { return }
            let earlier = state.pending
            state.pending = Task {
                await earlier?.value
                // Waiting: more lines may come, and one batch serves them all.
                guard (try? await Task.sleep(for: Self.pause)) != nil else { return }
                await store.store(lines.takeFresh(), of: run, orPutBackInto: lines)
            }
        }
    }
}
