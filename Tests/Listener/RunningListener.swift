import Glibc
import Listener
import Logging
import Outbound
import ServiceLifecycle
import Synchronization
import Testing

/// A listener that serves from the first statement of `body` to its last, in a folder of its own.
func withListener<R: Sendable>(
    _ surface: StubSurface = StubSurface(),
    loopback: LoopbackAddress? = nil,
    bodyLimit: Int = 1 << 20,
    log: CapturedLog = CapturedLog(),
    _ body: @Sendable (RunningListener) async throws -> R
) async throws -> R {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let path = folder.path + "/operator.sock"
    let (ready, tell) = AsyncStream.makeStream(of: Int?.self)
    let logger = Logger(label: "test", factory: { _ in CapturingHandler(log: log) })
    let listener = OperatorListener(
        surface: surface,
        configuration: OperatorListener.Configuration(socketPath: path, loopback: loopback, bodyLimit: bodyLimit),
        logger: logger,
        onListening: { port in tell.yield(port) }
    )
    let services = ServiceGroup(services: [listener], logger: logger)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            defer { tell.finish() }
            try await services.run()
        }
        var port: Int?
        var waiting = ready.makeAsyncIterator()
        // The two sockets listen in either order; only one of them has a port.
        for _ in 0..<(loopback == nil ? 1 : 2) { if case .some(.some(let told)) = await waiting.next() { port = told } }
        let result: R
        do {
            let running = RunningListener(path: path, port: port, surface: surface, services: services)
            result = try await body(running)
        } catch {
            await services.triggerGracefulShutdown()
            throw error
        }
        await services.triggerGracefulShutdown()
        try await group.waitForAll()
        return result
    }
}

struct RunningListener: Sendable {
    let path: String
    let port: Int?
    let surface: StubSurface
    let services: ServiceGroup
    let client = HTTPClient()

    func get(_ target: String, headers: [HTTPField] = []) async throws -> HTTPResponse {
        try await client.send(
            HTTPRequest(url: "http://bursar\(target)", headers: headers, unixSocketPath: path)
        )
    }

    func post(_ target: String, _ body: String) async throws -> HTTPResponse {
        try await client.send(
            HTTPRequest(method: "POST", url: "http://bursar\(target)", body: Array(body.utf8), unixSocketPath: path)
        )
    }
}

struct TemporaryFolder {
    let path: String

    init() throws {
        var template = Array("/tmp/bursar-listener-XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    func remove() {
        unlink(path + "/operator.sock")
        rmdir(path)
    }
}

extension HTTPResponse {
    var text: String { String(decoding: body, as: UTF8.self) }
}

final class CapturedLog: Sendable {
    private let kept = Mutex<[String]>([])
    var lines: [String] { kept.withLock { $0 } }
    func add(_ line: String) { kept.withLock { $0.append(line) } }
}

struct CapturingHandler: LogHandler {
    let log: CapturedLog
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .debug

    init(log: CapturedLog) { self.log = log }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let error = event.error.map { " \($0)" } ?? ""
        log.add("\(event.level) \(event.message) \(event.metadata ?? [:])\(error)")
    }
}
