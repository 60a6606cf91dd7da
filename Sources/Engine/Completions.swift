internal import JobKit
internal import Logging
internal import Postgres
internal import Synchronization

/// Ends runs that succeeded, many in one statement: while one batch is on its way to the database the next one gathers.
///
/// Whoever finishes a run waits for the database's word, and so holds its slot until then. A run alone is written at once.
final class Completions: Sendable {
    private struct Waiting {
        let run: RunIdentity
        let outcome: String
        let answer: CheckedContinuation<Result<Bool, any Error>, Never>
    }

    private struct State {
        var waiting: [Waiting] = []
        var isWriting = false
    }

    /// The most runs that one statement ends.
    private static let most = 500

    private let state = Mutex(State())
    private let store: RunStore
    private let logger: Logger

    init(store: RunStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    /// Ends one run.
    /// - Returns: false where the fence was no longer in force; nothing was written.
    func finish(_ run: RunIdentity, _ outcome: String) async throws -> Bool {
        let answer = await withCheckedContinuation { continuation in
            let isFirst = state.withLock { state in
                state.waiting.append(Waiting(run: run, outcome: outcome, answer: continuation))
                defer { state.isWriting = true }
                return !state.isWriting
            }
            // It must be written though the service is being shut down, so it does not inherit a cancellation.
            if isFirst { Task { await self.write() } }
        }
        return try answer.get()
    }

    private func write() async {
        while true {
            let batch = state.withLock { state in
                let batch = Array(state.waiting.prefix(Self.most))
                state.waiting.removeFirst(batch.count)
                state.isWriting = !batch.isEmpty
                return batch
            }
            if batch.isEmpty { return }
            await write(batch)
        }
    }

    /// One that cannot be written must not keep the others from their end: then each is written alone.
    private func write(_ batch: [Waiting]) async {
        do {
            let ended = try await store.untilThere(logger) {
                try await store.finish(batch.map { ($0.run, $0.outcome) })
            }
            for waiting in batch { waiting.answer.resume(returning: .success(ended.contains(waiting.run.id))) }
        } catch {
            guard batch.count > 1 else { return batch[0].answer.resume(returning: .failure(error)) }
            for waiting in batch { await write([waiting]) }
        }
    }
}

extension RunStore {
    /// Writes how attempts ended, and tries again while the database is away: the fence decides whether it still counts.
    func untilThere<Answer: Sendable>(
        _ logger: Logger,
        _ write: () async throws -> Answer
    ) async throws -> Answer {
        var tries = 0
        while true {
            do {
                return try await write()
            } catch let error as PostgresError where error.isTransient && tries < 20 {
                tries += 1
                logger.notice("the end of attempts waits for the database", metadata: ["error": "\(error)"])
                // Waiting: the database is away, and nothing tells when it is back.
                try await Task.sleep(for: .milliseconds(250))
            }
        }
    }
}
