import Listener
import ServiceLifecycle
import Testing

@Suite("Public listener")
struct PublicListenerTests {
    /// Limits that a test can wait for.
    private static var impatient: PublicLimits {
        var limits = PublicLimits()
        limits.headTimeout = .milliseconds(300)
        limits.bodyTimeout = .milliseconds(300)
        limits.answerTimeout = .milliseconds(300)
        limits.idleTimeout = .milliseconds(300)
        return limits
    }

    private static func post(_ path: String, _ body: String, more: String = "") -> String {
        "POST \(path) HTTP/1.1\r\nHost: x\r\n\(more)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    @Test("One connection serves request after request, and many sent at once in their order")
    func keepAlive() async throws {
        try await withPublicListener { port, _, _ in
            let client = try RawClient(port: port)
            client.send(Self.post("/a", "one"))
            #expect(await client.until("one").hasPrefix("HTTP/1.1 200 OK\r\n"))
            client.send(
                Self.post("/a", "two") + Self.post("/a", "three")
                    + Self.post("/a", "four", more: "Connection: close\r\n")
            )
            let answers = await client.untilClosed()
            let places = ["two", "three", "four"].compactMap { answers.firstRange(of: $0)?.lowerBound }
            #expect(places.count == 3 && places == places.sorted(), "\(answers)")
        }
    }

    @Test("A sender that stops in the middle of its head is answered 408 and cut")
    func slowHead() async throws {
        try await withPublicListener(Self.impatient) { port, surface, _ in
            let client = try RawClient(port: port)
            client.send("POST /a HTTP/1.1\r\nHost: x\r\nX-Slow:")
            #expect(await client.untilClosed().hasPrefix("HTTP/1.1 408 "))
            #expect(surface.taken == 0)
        }
    }

    @Test("A sender that sends its head byte by byte, and each of them in time, is cut all the same")
    func drip() async throws {
        try await withPublicListener(Self.impatient) { port, surface, _ in
            let client = try RawClient(port: port)
            let drip = Task {
                for byte in "POST /a HTTP/1.1\r\nHost: a-host-with-a-very-long-name\r\nContent-Length: 0\r\n\r\n" {
                    client.send(String(byte))
                    // Waiting: the sender is slow on purpose.
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            // Who goes on sending after it was cut may lose the answer to a reset.
            let answer = await client.untilClosed()
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 408 "))
            drip.cancel()
            #expect(surface.taken == 0)
        }
    }

    @Test("A sender that stops in the middle of its body is answered 408 and cut")
    func slowBody() async throws {
        try await withPublicListener(Self.impatient) { port, surface, _ in
            let client = try RawClient(port: port)
            client.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nonly")
            #expect(await client.untilClosed().hasPrefix("HTTP/1.1 408 "))
            #expect(surface.taken == 0)
        }
    }

    @Test("A connection on which nothing is said is closed without a word")
    func silence() async throws {
        try await withPublicListener(Self.impatient) { port, _, _ in
            let client = try RawClient(port: port)
            #expect(await client.untilClosed() == "")
            let second = try RawClient(port: port)
            second.send(Self.post("/a", "x"))
            #expect(await second.untilClosed().hasSuffix("x"))
        }
    }

    @Test("An answer that does not come is a 503, and one that comes later disturbs nobody")
    func noAnswer() async throws {
        try await withPublicListener(Self.impatient) { port, surface, _ in
            let client = try RawClient(port: port)
            client.send(Self.post("/held", "x"))
            #expect(await client.untilClosed().hasPrefix("HTTP/1.1 503 "))
            surface.answerHeld()
            let second = try RawClient(port: port)
            second.send(Self.post("/a", "y"))
            #expect(await second.until("y").hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test("A body over the limit is refused: by its announced length at once, and without one while it comes")
    func tooLong() async throws {
        try await withPublicListener { port, surface, _ in
            let announced = try RawClient(port: port)
            announced.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
            #expect(await announced.untilClosed().hasPrefix("HTTP/1.1 413 "))
            let chunked = try RawClient(port: port)
            let chunk = "200\r\n" + String(repeating: "a", count: 512) + "\r\n"
            chunked.send(
                "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + chunk + "0\r\n\r\n"
            )
            #expect(await chunked.until("}").hasPrefix("HTTP/1.1 413 "))
            #expect(surface.taken == 0)
            // What was refused is thrown away, and the connection is good for the next request.
            chunked.send(Self.post("/a", "next"))
            #expect(await chunked.until("next").hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test("A head over the limit is refused with 431, and what is no HTTP with 400")
    func badHeads() async throws {
        try await withPublicListener { port, surface, _ in
            let long = try RawClient(port: port)
            long.send("POST /a HTTP/1.1\r\nHost: x\r\nX-Long: " + String(repeating: "a", count: 9000) + "\r\n\r\n")
            #expect(await long.untilClosed().hasPrefix("HTTP/1.1 431 "))
            for text in [
                "nonsense\r\n\r\n", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
                "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            ] {
                let client = try RawClient(port: port)
                client.send(text)
                let answer = await client.untilClosed()
                #expect(answer.hasPrefix("HTTP/1.1 400 "), "\(text): \(answer)")
            }
            #expect(surface.taken == 0)
        }
    }

    @Test("A sender that asks first is told to go on, or refused before it sends its body")
    func expectation() async throws {
        try await withPublicListener { port, _, _ in
            let client = try RawClient(port: port)
            client.send("POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            #expect(await client.until("\r\n\r\n").hasPrefix("HTTP/1.1 100 Continue"))
            client.send("ok")
            #expect(await client.until("ok").hasPrefix("HTTP/1.1 200 "))
            let refused = try RawClient(port: port)
            refused.send("POST /refused HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            #expect(await refused.untilClosed().hasPrefix("HTTP/1.1 429 "))
        }
    }

    @Test("A sender that closes its half after the request is answered")
    func halfClosed() async throws {
        try await withPublicListener { port, _, _ in
            let client = try RawClient(port: port)
            client.send(Self.post("/a", "last"))
            client.finish()
            #expect(await client.untilClosed().hasSuffix("last"))
        }
    }

    @Test("One address has no more connections than it may, and when one ends the next is let in")
    func connectionsOfAnAddress() async throws {
        var limits = PublicLimits()
        limits.connectionsPerAddress = 2
        try await withPublicListener(limits) { port, _, _ in
            let (first, second) = (try RawClient(port: port), try RawClient(port: port))
            for client in [first, second] {
                client.send(Self.post("/a", "in"))
                #expect(await client.until("in").hasPrefix("HTTP/1.1 200 "))
            }
            let third = try RawClient(port: port)
            third.send(Self.post("/a", "out"))
            #expect(await third.untilClosed() == "")
            first.send(Self.post("/a", "bye", more: "Connection: close\r\n"))
            #expect(await first.untilClosed().hasSuffix("bye"))
            // The listener counts a connection out a moment after its peer has seen the end of it.
            var answer = ""
            for _ in 0..<1000 where answer.isEmpty {
                let fourth = try RawClient(port: port)
                fourth.send(Self.post("/a", "in"))
                answer = await fourth.until("in")
            }
            #expect(answer.hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test("All connections together are bounded, those of a trusted proxy among them")
    func allConnections() async throws {
        var limits = PublicLimits()
        limits.connections = 3
        limits.connectionsPerAddress = 1
        let proxies = TrustedProxies([try #require(AddressBlock("127.0.0.0/8"))])
        try await withPublicListener(limits, proxies: proxies) { port, _, _ in
            var clients: [RawClient] = []
            for _ in 0..<3 {
                let client = try RawClient(port: port)
                client.send(Self.post("/a", "in"))
                #expect(await client.until("in").hasPrefix("HTTP/1.1 200 "))
                clients.append(client)
            }
            let fourth = try RawClient(port: port)
            fourth.send(Self.post("/a", "out"))
            #expect(await fourth.untilClosed() == "")
            withExtendedLifetime(clients) {}
        }
    }

    @Test("A shutdown closes what is idle, and answers what is under way before it ends")
    func shutdown() async throws {
        try await withPublicListener { port, surface, services in
            let (idle, busy) = (try RawClient(port: port), try RawClient(port: port))
            idle.send(Self.post("/a", "x"))
            _ = await idle.until("x")
            busy.send(Self.post("/held", "x"))
            while surface.taken < 2 { await Task.yield() }
            await services.triggerGracefulShutdown()
            #expect(await idle.untilClosed() == "")
            surface.answerHeld()
            let answer = await busy.untilClosed()
            #expect(
                answer.hasPrefix("HTTP/1.1 200 ") && answer.hasSuffix("late")
            )
        }
    }

    @Test("A refusal is a problem document, and the log has its id and the reason, without what was sent")
    func problems() async throws {
        let log = CapturedLog()
        let answer = try await withPublicListener(log: log) { port, _, _ in
            let client = try RawClient(port: port)
            client.send(
                "POST /a-secret-path HTTP/1.1\r\nHost: x\r\nX-Secret: hush\r\nContent-Length: 2000\r\n\r\n"
                    + String(repeating: "s", count: 2000)
            )
            return await client.until("}")
        }
        let id = try #require(answer.firstMatch(of: /"id":"([0-9a-f]{16})"/)).1
        #expect(answer.contains("application/problem+json"))
        let line = try #require(log.lines.first { $0.contains(id) })
        #expect(line.contains("too long"))
        #expect(!log.lines.contains { $0.contains("hush") || $0.contains("secret") || $0.contains("ssss") })
    }
}
