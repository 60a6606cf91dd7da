package import Logging
internal import Metrics
package import Postgres
internal import Synchronization

/// Writes posts into the inbox, as many as there are with one commit, and tells each what became of it after that commit.
///
/// A post is answered once: after the commit that holds it, or with the reason why there is none. While batches are on their way
/// the next one gathers, so a lone post waits for nobody, and a crowd shares what a commit costs.
package final class InboxWriter: Sendable {
    typealias Completion = @Sendable (StoreOutcome) -> Void

    struct Entry: Sendable {
        let post: ArrivedPost
        let completion: Completion
    }

    private struct State {
        var waiting: [Entry] = []
        var bytes = 0
        /// Those that have nothing to write.
        var idle: [CheckedContinuation<Void, Never>] = []
        var isEnding = false
    }

    /// What is put up with.
    package struct Limits: Sendable {
        /// Posts of one batch, and bytes of their bodies.
        package var batch = 256
        package var batchBytes = 4 << 20
        /// Posts that wait, and bytes of their bodies: one more is refused at once.
        package var waiting = 2048
        package var waitingBytes = 64 << 20
        /// Batches on their way at the same time.
        ///
        /// One is best where processors are what is short (24,200 posts a second on two
        /// cores, against 21,700 with two): the batches are larger.
        package var writers = 1
        /// How often the processing is woken at most.
        package var wakeEvery: Duration = .milliseconds(500)

        package init() {}
    }

    package let standing: InboxStanding
    let database: PostgresPool
    let logger: Logger
    let limits: Limits
    private let state = Mutex(State())
    private let bell = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// - Parameters:
    ///   - database: a pool of the inbox's own, of one connection more than there are writers, for signs of life.
    ///   - limits: what is put up with.
    ///   - logger: tells of what cannot be stored, never of what it holds.
    package init(database: PostgresPool, limits: Limits = Limits(), logger: Logger) {
        self.database = database
        self.limits = limits
        self.logger = logger
        standing = InboxStanding()
    }

    /// Takes a post; the completion is called once, from any thread, and must not wait for anything.
    package func submit(_ post: ArrivedPost, _ completion: @escaping @Sendable (StoreOutcome) -> Void) {
        let (idle, refusal) = state.withLock { state -> (CheckedContinuation<Void, Never>?, String?) in
            if state.isEnding { return (nil, "the inbox is closing") }
            guard state.waiting.count < limits.waiting, state.bytes + post.body.count <= limits.waitingBytes else {
                return (nil, "too many posts wait to be stored")
            }
            state.waiting.append(Entry(post: post, completion: completion))
            state.bytes += post.body.count
            return (state.idle.popLast(), nil)
        }
        idle?.resume()
        if let refusal { completion(.failed(refusal)) }
    }

    /// How many posts wait now.
    package var waiting: Int { state.withLock { $0.waiting.count } }

    /// Writes until it is told to end, and then what still waits.
    ///
    /// On the thread of its pool: a node that computes on every other thread stores posts all the same.
    package func run() async {
        await withTaskExecutorPreference(database.thread) {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.keepInTouch() }
                group.addTask { await self.keepWaking() }
                await withDiscardingTaskGroup { writers in
                    for _ in 0..<self.limits.writers { writers.addTask { await self.write() } }
                }
                self.bell.continuation.finish()
                group.cancelAll()
            }
        }
    }

    /// Takes no more posts; `run` returns when those that wait are stored.
    package func end() {
        let idle = state.withLock { state in
            state.isEnding = true
            defer { state.idle = [] }
            return state.idle
        }
        for writer in idle { writer.resume() }
    }

    /// Rings for the processing, after a commit of new posts.
    func ring() { bell.continuation.yield() }

    // MARK: The queue

    private func write() async {
        while let batch = await next() { await store(batch) }
    }

    /// What waits, up to a batch; nil when it ends.
    private func next() async -> [Entry]? {
        while true {
            await untilSomethingWaits()
            let (batch, isOver) = state.withLock { state in (take(&state), state.isEnding) }
            if !batch.isEmpty { return batch }
            if isOver { return nil }
        }
    }

    private func untilSomethingWaits() async {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                guard state.waiting.isEmpty, !state.isEnding else { return true }
                state.idle.append(continuation)
                return false
            }
            if isReady { continuation.resume() }
        }
    }

    private func take(_ state: inout State) -> [Entry] {
        var (count, bytes) = (0, 0)
        for entry in state.waiting.prefix(limits.batch) {
            guard count == 0 || bytes + entry.post.body.count <= limits.batchBytes else { break }
            count += 1
            bytes += entry.post.body.count
        }
        state.bytes -= bytes
        if count == state.waiting.count {
            defer { state.waiting = [] }
            return state.waiting
        }
        defer { state.waiting.removeFirst(count) }
        return Array(state.waiting.prefix(count))
    }

    // MARK: Signs of life

    /// Asks the database now and then, so that readiness and clock are known before a post comes.
    private func keepInTouch() async {
        while !Task.isCancelled {
            if standing.wantsToHear { await ask() }
            // Waiting: silence is told by the clock alone.
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private func ask() async {
        do {
            let rows = try await database.withConnection { try await $0.query(InboxStatements.clock) }
            standing.heard(now: try rows.first?.get("now"))
        } catch {
            if Task.isCancelled { return }
            if standing.problem == nil { logger.warning("the inbox cannot store: \(error)") }
            standing.failed("\(error)")
        }
    }

    private func keepWaking() async {
        for await _ in bell.stream {
            do {
                try await database.withConnection { connection in
                    _ = try await connection.pipeline([
                        TransactionStatements.role.bind("bursar_listener"), InboxStatements.wake.bind(),
                    ])
                }
            } catch {
                // The processing looks by itself now and then.
                logger.notice("the processing of posts could not be woken: \(error)")
            }
            // Waiting: once in a while is enough, however many posts come.
            try? await Task.sleep(for: limits.wakeEvery)
        }
    }
}
