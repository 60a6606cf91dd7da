internal import JobKit
internal import Logging
internal import Postgres
internal import Synchronization

/// Ends runs that succeeded, many in one statement: while one batch is on its way to the database the next one gathers.
///
/// A run holds its slot until the database has its end. A run alone is written at once.
final class Completions: Sendable {
    private struct Waiting {
        let run: RunIdentity
        let outcome: String
        let answer: Answer
    }

    private enum Answer {
        case resume(CheckedContinuation<Result<Bool, any Error>, Never>)
        case tell(Success)
    }

    private struct State {
        var waiting: [Waiting] = []
        var writers = 0
    }

    /// The most runs that one statement ends.
    private static let most = 1000
    /// Statements on their way at the same time: while one waits for the disk the next one works.
    private static let mostWriters = 2

    private let state = Mutex(State())
    private let store: RunStore
    private let logger: Logger
    private let told: @Sendable ([Success], Result<Set<Int64>, any Error>) -> Void

    /// Ends runs of a store; `told` hears of what was handed over: which of it was written, or why nothing was.
    init(
        store: RunStore,
        logger: Logger,
        told: @escaping @Sendable ([Success], Result<Set<Int64>, any Error>) -> Void = { _, _ in }
    ) {
        self.store = store
        self.logger = logger
        self.told = told
    }

    /// Ends one run, and returns when the database has said so.
    /// - Returns: false where the fence was no longer in force; nothing was written.
    func finish(_ run: RunIdentity, _ outcome: String) async throws -> Bool {
        let answer = await withCheckedContinuation { continuation in
            add(Waiting(run: run, outcome: outcome, answer: .resume(continuation)))
        }
        return try answer.get()
    }

    /// Takes a run over whose end is to be written, together with others; nobody waits for it here.
    func handOver(_ success: Success) {
        add(Waiting(run: success.run.identity, outcome: success.outcome, answer: .tell(success)))
    }

    private func add(_ waiting: Waiting) {
        let isFirst = state.withLock { state in
            state.waiting.append(waiting)
            guard state.writers == 0 || state.writers < Self.mostWriters && state.waiting.count >= Self.most else {
                return false
            }
            state.writers += 1
            return true
        }
        // It must be written though the service is being shut down, so it does not inherit a cancellation.
        if isFirst { Task { await self.write() } }
    }

    private func write() async {
        while true {
            let batch = state.withLock { state in
                let batch = Array(state.waiting.prefix(Self.most))
                state.waiting.removeFirst(batch.count)
                if batch.isEmpty { state.writers -= 1 }
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
            answer(batch, .success(ended))
        } catch {
            guard batch.count > 1 else { return answer(batch, .failure(error)) }
            for waiting in batch { await write([waiting]) }
        }
    }

    private func answer(_ batch: [Waiting], _ result: Result<Set<Int64>, any Error>) {
        var handedOver: [Success] = []
        for waiting in batch {
            switch waiting.answer {
            case .resume(let continuation): continuation.resume(returning: result.map { $0.contains(waiting.run.id) })
            case .tell(let success): handedOver.append(success)
            }
        }
        if !handedOver.isEmpty { told(handedOver, result) }
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
