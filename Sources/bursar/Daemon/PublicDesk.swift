import Postgres
import ServiceLifecycle

/// What public requests want of the database, beside the inbox: a few at a time, and no more than so many waiting.
///
/// It works with connections of its own, so that neither a flood here nor one of webhooks keeps the other waiting.
final class PublicDesk: Service {
    typealias Work = @Sendable (PostgresPool) async -> Void

    let database: PostgresPool
    /// At the same time.
    static let workers = 2
    static let mostWaiting = 256

    private let stream: AsyncStream<Work>
    private let queue: AsyncStream<Work>.Continuation

    /// - Parameter database: a pool of its own.
    init(database: PostgresPool) {
        self.database = database
        (stream, queue) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.mostWaiting))
    }

    /// Takes work; false where too much waits already, and nothing will be done.
    func submit(_ work: @escaping Work) -> Bool {
        if case .enqueued = queue.yield(work) { return true }
        return false
    }

    /// Works until it is told to end, and then what still waits.
    func run() async throws {
        await withGracefulShutdownHandler {
            await withTaskCancellationHandler {
                await work()
            } onCancel: {
                self.queue.finish()
            }
        } onGracefulShutdown: {
            self.queue.finish()
        }
    }

    private func work() async {
        await withTaskGroup(of: Void.self) { group in
            var busy = 0
            for await work in stream {
                if busy == Self.workers {
                    await group.next()
                    busy -= 1
                }
                busy += 1
                group.addTask { await work(self.database) }
            }
        }
    }
}
