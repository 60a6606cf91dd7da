import Glibc
import Listener
import Logging
import Outbound
import Synchronization
import Testing

@Suite("Operator listener")
struct OperatorListenerTests {
    @Test("Liveness follows the claim loop")
    func liveness() async throws {
        try await withListener { listener in
            try await #expect(listener.get("/livez").status == 200)
            listener.surface.isLive.store(false, ordering: .relaxed)
            try await #expect(listener.get("/livez").status == 503)
        }
    }

    @Test("Readiness tells machines by its status and people by its lines")
    func readiness() async throws {
        try await withListener { listener in
            try await #expect(listener.get("/readyz").text == "ok\n")
            listener.surface.checks.withLock { $0[1].reason = "migration 7 is missing" }
            let short = try await listener.get("/readyz")
            #expect(short.status == 503 && short.text == "not ready\n")
            let long = try await listener.get("/readyz?verbose")
            #expect(long.text.contains("[+]database ok\n[-]schema failed: migration 7 is missing\n"))
            try await #expect(listener.get("/readyz?exclude=schema").status == 200)
        }
    }

    @Test("Status is JSON and is never cached")
    func status() async throws {
        try await withListener { listener in
            let answer = try await listener.get("/status")
            #expect(answer.status == 200 && answer.text == #"{"node":"n1"}"#)
            #expect(answer[header: "content-type"] == "application/json")
            #expect(answer[header: "cache-control"] == "no-store")
        }
    }

    @Test("A command arrives with its body and with the caller's account")
    func command() async throws {
        try await withListener { listener in
            let answer = try await listener.post("/v1/runs.cancel", #"{"run":7}"#)
            #expect(answer.status == 200 && answer.text == #"{"run":7}"#)
            let asked = try #require(listener.surface.performed.withLock { $0.first })
            #expect(asked.command == "runs.cancel")
            #expect(asked.actor.uid == getuid())
            let account = try #require(getpwuid(getuid()))
            #expect(asked.actor.name == String(cString: account.pointee.pw_name))
        }
    }

    @Test("A refusal is a problem document with what to do")
    func refusal() async throws {
        try await withListener { listener in
            let answer = try await listener.post("/v1/reload", "{}")
            #expect(answer.status == 422)
            #expect(answer[header: "content-type"] == "application/problem+json")
            let problem = try #require(Problem(json: answer.body))
            #expect(problem.detail == "billing.yaml:3:5: unknown key 'jbo'")
            #expect(problem.remedy == "mend them and reload again")
            #expect(problem.exitStatus == 78)
        }
    }

    @Test("An unexpected error shows nothing but an id, and the log carries that id with the error")
    func unexpected() async throws {
        let log = CapturedLog()
        let problem = try await withListener(log: log) { listener in
            try #require(Problem(json: try await listener.post("/v1/break", "{}").body))
        }
        #expect(problem.status == 500 && problem.detail == nil)
        let id = try #require(problem.id)
        #expect(log.lines.contains { $0.hasPrefix("error") && $0.contains(id) && $0.contains("Failure") })
    }

    @Test("An unknown route is a problem document too")
    func unknownRoute() async throws {
        try await withListener { listener in
            let answer = try await listener.get("/nowhere")
            #expect(answer.status == 404)
            #expect(Problem(json: answer.body)?.status == 404)
        }
    }

    @Test("A body over the limit is refused and the daemon is not asked")
    func bodyLimit() async throws {
        try await withListener(bodyLimit: 100) { listener in
            let answer = try await listener.post("/v1/echo", String(repeating: "x", count: 101))
            #expect(answer.status == 413)
            #expect(Problem(json: answer.body)?.status == 413)
            #expect(listener.surface.performed.withLock { $0.isEmpty })
        }
    }

    @Test("Over TCP there are no commands, and foreign names are refused")
    func loopback() async throws {
        try await withListener(loopback: try LoopbackAddress("127.0.0.1:0")) { listener in
            let port = try #require(listener.port)
            func send(_ method: String, _ target: String, host: String? = nil) async throws -> Int {
                let url = "http://127.0.0.1:\(port)\(target)"
                let headers = host.map { [HTTPField("Host", $0)] } ?? []
                let body = method == "POST" ? Array("{}".utf8) : []
                return try await listener.client.send(
                    HTTPRequest(method: method, url: url, headers: headers, body: body, allowsPlainText: true)
                ).status
            }
            try await #expect(send("GET", "/livez") == 200)
            try await #expect(send("GET", "/livez", host: "evil.example:80") == 403)
            try await #expect(send("POST", "/v1/echo") == 403)
            #expect(listener.surface.performed.withLock { $0.isEmpty })
        }
    }

    @Test("Only loopback addresses are taken", arguments: ["0.0.0.0:80", "10.0.0.1:80", "example.com:80", "x", "::"])
    func notLoopback(_ address: String) {
        #expect(throws: ListenerError.self) { try LoopbackAddress(address) }
    }
}

@Suite("Operator socket")
struct OperatorSocketTests {
    @Test("The socket is for its user and group, and is gone after the stop")
    func mode() async throws {
        let path = try await withListener { listener in
            var status = stat()
            #expect(lstat(listener.path, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o660)
            return listener.path
        }
        #expect(access(path, F_OK) != 0)
    }

    @Test("A second daemon on the same path is refused, and the first goes on")
    func alreadyServed() async throws {
        try await withListener { listener in
            let second = OperatorListener(
                surface: StubSurface(),
                configuration: OperatorListener.Configuration(socketPath: listener.path),
                logger: .init(label: "second", factory: { _ in CapturingHandler(log: CapturedLog()) })
            )
            await #expect(throws: ListenerError.alreadyServed(path: listener.path)) { try await second.run() }
            try await #expect(listener.get("/livez").status == 200)
        }
    }

    @Test("A socket that a killed daemon left behind is replaced")
    func stale() async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path + "/operator.sock"
        try leaveSocket(at: path)
        let (ready, tell) = AsyncStream.makeStream(of: Void.self)
        let listener = OperatorListener(
            surface: StubSurface(),
            configuration: OperatorListener.Configuration(socketPath: path),
            logger: .init(label: "test", factory: { _ in CapturingHandler(log: CapturedLog()) }),
            onListening: { _ in tell.yield() }
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { tell.finish() }
                try await listener.run()
            }
            for await _ in ready { break }
            let answer = try await HTTPClient().send(HTTPRequest(url: "http://bursar/livez", unixSocketPath: path))
            #expect(answer.status == 200)
            group.cancelAll()
        }
    }

    @Test("A file that is no socket is left alone")
    func notASocket() async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path + "/operator.sock"
        close(open(path, O_CREAT | O_WRONLY, 0o600))
        let listener = OperatorListener(
            surface: StubSurface(),
            configuration: OperatorListener.Configuration(socketPath: path),
            logger: .init(label: "test", factory: { _ in CapturingHandler(log: CapturedLog()) })
        )
        await #expect(throws: ListenerError.notASocket(path: path)) { try await listener.run() }
        #expect(access(path, F_OK) == 0)
    }

    /// Binds a socket and closes it without taking its name away, as a killed process does.
    private func leaveSocket(at path: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0)
    }
}
