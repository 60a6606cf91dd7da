internal import JobKit
internal import Logging
internal import Synchronization

/// What an attempt speaks with: its lines are stored while it runs, a second after the first of a batch, and what is left at its
/// end.
///
/// An attempt that says nothing costs next to nothing here.
final class AttemptLineWriter: AttemptVoice {
    private struct State: Sendable {
        var words: (logger: Logger, lines: AttemptLines)?
        var pending: Task<Void, Never>?
        var isFinished = false
    }

    private let run: ClaimedRun
    private let house: House
    private let state = Mutex(State())

    /// What the attempts of a node have in common.
    final class House: Sendable {
        let store: AttemptLineStore
        let logger: Logger

        init(store: AttemptLineStore, logger: Logger) {
            self.store = store
            self.logger = logger
        }
    }

    /// Lines that come within this time are stored together.
    private static let pause = Duration.seconds(1)

    init(_ run: ClaimedRun, _ house: House) {
        self.run = run
        self.house = house
    }

    var logger: Logger { words.logger }

    /// What is said in the attempt.
    var lines: AttemptLines { words.lines }

    private var words: (logger: Logger, lines: AttemptLines) {
        state.withLock { state in
            if let words = state.words { return words }
            let lines = AttemptLines()
            lines.onFresh { [weak self] in self?.linesCame() }
            let words = (logger: house.logger.about(run.identity).keeping(in: lines), lines: lines)
            state.words = words
            return words
        }
    }

    /// Stores what is left; nothing is stored after it has returned.
    ///
    /// It is done though the task was cancelled.
    func finish() async {
        let (said, pending) = state.withLock { state in
            state.isFinished = true
            return (state.words?.lines, state.pending)
        }
        guard let lines = said else { return }
        pending?.cancel()
        await pending?.value
        let rest = lines.takeAll()
        guard !rest.isEmpty else { return }
        await Task { await house.store.store(rest, of: run.identity, orPutBackInto: lines) }.value
    }

    /// The task is waited for by `finish()`; a child of the attempt's own tasks would have to be there for every run, also for
    /// those that say nothing.
    private func linesCame() {
        state.withLock { state in
            guard !state.isFinished, let lines = state.words?.lines else { return }
            let earlier = state.pending
            state.pending = Task {
                await earlier?.value
                // Waiting: more lines may come, and one batch serves them all.
                guard (try? await Task.sleep(for: Self.pause)) != nil else { return }
                await house.store.store(lines.takeFresh(), of: run.identity, orPutBackInto: lines)
            }
        }
    }
}
