import Listener
import Logging
import ServiceLifecycle
import Synchronization

/// A public surface that answers what the test wants.
final class StubPublicSurface: PublicSurface {
    private struct State {
        var heads: [PublicHead] = []
        var bodies: [[UInt8]] = []
        var held: [@Sendable (PublicAnswer) -> Void] = []
    }

    private let state = Mutex(State())

    /// How many requests were taken whole.
    var taken: Int { state.withLock { $0.bodies.count } }
    var clients: [String] { state.withLock { $0.heads.map { "\($0.client)" } } }

    func judge(_ head: PublicHead) -> PublicJudgement {
        state.withLock { $0.heads.append(head) }
        if head.path == "/refused" { return .answer(PublicAnswer(status: 429, body: Array("no".utf8))) }
        return .read(limit: 1000)
    }

    /// `/held` is answered later, everything else at once with its own body.
    func take(_ head: PublicHead, _ body: [UInt8], _ answer: @escaping @Sendable (PublicAnswer) -> Void) {
        state.withLock { $0.bodies.append(body) }
        if head.path == "/held" {
            state.withLock { $0.held.append(answer) }
        } else {
            answer(PublicAnswer(status: 200, body: body))
        }
    }

    func answerHeld() {
        for answer in state.withLock({ $0.held }) { answer(PublicAnswer(status: 200, body: Array("late".utf8))) }
    }
}

/// A public listener that serves from the first statement of `body` to its last.
func withPublicListener<R: Sendable>(
    _ limits: PublicLimits = PublicLimits(),
    proxies: TrustedProxies = TrustedProxies(),
    log: CapturedLog = CapturedLog(),
    _ body: @Sendable (Int, StubPublicSurface, ServiceGroup) async throws -> R
) async throws -> R {
    let (ready, tell) = AsyncStream.makeStream(of: Int.self)
    let logger = Logger(label: "test", factory: { _ in CapturingHandler(log: log) })
    let surface = StubPublicSurface()
    guard let address = PublicAddress("127.0.0.1:0") else { throw CancellationError() }
    let listener = PublicListener(
        surface: surface,
        address: address,
        limits: limits,
        proxies: proxies,
        logger: logger,
        onListening: { tell.yield($0) }
    )
    let services = ServiceGroup(services: [listener], logger: logger)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            defer { tell.finish() }
            try await services.run()
        }
        var waiting = ready.makeAsyncIterator()
        let result: R
        do {
            guard let port = await waiting.next() else { throw CancellationError() }
            result = try await body(port, surface, services)
        } catch {
            await services.triggerGracefulShutdown()
            throw error
        }
        await services.triggerGracefulShutdown()
        try await group.waitForAll()
        return result
    }
}
