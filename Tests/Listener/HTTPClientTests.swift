import Glibc
import Outbound
import Testing

@Suite("HTTP client")
struct HTTPClientTests {
    @Test("Nobody on the socket is told apart, with the path, and certainly had no effect")
    func nobody() async throws {
        let error = await #expect(throws: OutboundError.self) {
            try await HTTPClient().send(HTTPRequest(url: "http://bursar/", unixSocketPath: "/tmp/bursar-nobody.sock"))
        }
        #expect(error?.code == .couldNotConnect)
        #expect(error?.mayHaveArrived == false)
        #expect(error?.message.contains("/tmp/bursar-nobody.sock") == true)
    }

    @Test("An answer over the limit is refused")
    func tooLarge() async throws {
        try await withListener { listener in
            let body = Array(repeating: UInt8(ascii: "x"), count: 5000)
            let error = await #expect(throws: OutboundError.self) {
                try await listener.client.send(
                    HTTPRequest(
                        method: "POST",
                        url: "http://bursar/v1/echo",
                        body: body,
                        unixSocketPath: listener.path,
                        maximumBytes: 4999
                    )
                )
            }
            #expect(error?.code == .tooLarge)
        }
    }

    @Test("A server that never answers ends in a timeout that may have had an effect")
    func timeout() async throws {
        try await withSilentServer { path in
            let error = await #expect(throws: OutboundError.self) {
                try await HTTPClient().send(
                    HTTPRequest(url: "http://bursar/", timeout: .milliseconds(50), unixSocketPath: path)
                )
            }
            #expect(error?.code == .timedOut)
            #expect(error?.mayHaveArrived == true)
        }
    }

    @Test("Cancelling the task ends the transfer", arguments: [true, false])
    func cancellation(beforeItBegins: Bool) async throws {
        try await withSilentServer { path in
            let task = Task {
                if beforeItBegins { while !Task.isCancelled { await Task.yield() } }
                return try await HTTPClient().send(HTTPRequest(url: "http://bursar/", unixSocketPath: path))
            }
            task.cancel()
            let error = await #expect(throws: OutboundError.self) { try await task.value }
            #expect(error?.code == .cancelled)
        }
    }

    @Test("Closing the client ends what is under way")
    func closing() async throws {
        try await withSilentServer { path in
            let client = HTTPClient()
            let answer = Task { try await client.send(HTTPRequest(url: "http://bursar/", unixSocketPath: path)) }
            client.close()
            let error = await #expect(throws: OutboundError.self) { try await answer.value }
            #expect(error?.code == .closed)
        }
    }

    @Test("A hundred requests at once all come back with their own answer")
    func many() async throws {
        try await withListener { listener in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<100 {
                    group.addTask { try await listener.post("/v1/echo", "\(number)").text == "\(number)" }
                }
                while let isOwn = try await group.next() { #expect(isOwn) }
            }
        }
    }

    @Test(
        "What must not be sent is refused before it is",
        arguments: [
            HTTPRequest(url: "http://example.com/"),
            HTTPRequest(url: "file:///etc/passwd"),
            HTTPRequest(url: "https://example.com/", headers: [HTTPField("X", "a\r\nEvil: b")]),
            HTTPRequest(method: "GET /", url: "https://example.com/"),
            HTTPRequest(url: "http://x/", unixSocketPath: "/" + String(repeating: "x", count: 107)),
        ]
    )
    func refused(_ request: HTTPRequest) async throws {
        let error = await #expect(throws: OutboundError.self) { try await HTTPClient().send(request) }
        #expect(error?.code == .invalidRequest)
        #expect(error?.mayHaveArrived == false)
    }

    @Test(
        "Errors show neither user nor query",
        arguments: [
            ("https://user:pass@pay.example/v1?token=x#y", "https://pay.example/v1"),
            ("https://pay.example", "https://pay.example"),
            ("https://pay.example/a@b", "https://pay.example/a@b"),
        ]
    )
    func endpoint(_ url: String, _ shown: String) {
        #expect(HTTPRequest(url: url).endpoint == shown)
    }

    /// A unix socket that takes connections into its backlog and never reads them.
    private func withSilentServer(_ body: (String) async throws -> Void) async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path + "/operator.sock"
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
        try #require(result == 0 && listen(descriptor, 16) == 0)
        try await body(path)
    }
}
