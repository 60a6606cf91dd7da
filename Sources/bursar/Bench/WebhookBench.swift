import COpenSSL
import Glibc
import Postgres

/// How fast signed posts are taken, committed and answered by a daemon as it ships, beside bare inserts of the same rows.
struct WebhookBench: Sendable {
    var count = 20_000
    var runs = 3
    /// Posts over which the daemon's memory must not grow.
    var memoryCount = 100_000
    /// Of a body.
    var bytes = 600
    var connections = 32

    private static let template = "webhooks"
    private static let secret = Array("a secret that no one will guess".utf8)

    func measure(
        _ cluster: BenchCluster,
        _ machine: inout Machine,
        _ say: (String) -> Void
    ) async throws -> [BenchFigure] {
        try await cluster.makeEmpty(Self.template, extra: BareWebhooks.schema)
        var (own, bare) = ([ClosedLoop.Facts](), [ClosedLoop.Facts]())
        var costs: [Double] = []
        for number in 1...max(1, runs) {
            say("run \(number) of \(runs): \(count) posts over \(connections) connections …")
            try await fresh(cluster, &machine)
            try await whileServing(cluster) { daemon, port in
                let before = try daemon.processorTime
                own.append(try await post(0..<count, port))
                costs.append((try daemon.processorTime - before) / Double(count) * 1_000_000)
            }
            try await expect(count + 1, in: "bursar.webhook_event", cluster)
            say("run \(number) of \(runs): \(count) bare inserts over as many …")
            try await fresh(cluster, &machine)
            bare.append(try await bareRun(cluster))
            try await expect(count, in: "bare.webhook_event", cluster)
        }
        let limits = bare.map(\.perSecond)
        var figures = [BenchFigure("webhooks", own.map(\.perSecond), "posts/s", limits: limits, .atLeast(0.5))]
        for share in [50, 99] {
            let late = own.map { $0.percentile(share) }
            figures.append(BenchFigure("webhooks, p\(share)", late, "ms", limits: [25], .atMost(1)))
        }
        figures.append(BenchFigure("processor time of the node a post", costs, "µs", limits: [200], .atMost(1)))
        if memoryCount > 0 {
            say("\(memoryCount) posts, for the memory …")
            try await fresh(cluster, &machine)
            figures.append(try await memory(cluster))
        }
        return figures
    }

    private func fresh(_ cluster: BenchCluster, _ machine: inout Machine) async throws {
        try await cluster.copy(Self.template)
        try await machine.waitForQuiet()
    }

    /// Of the daemon, after a fifth of the posts and after all of them.
    private func memory(_ cluster: BenchCluster) async throws -> BenchFigure {
        let first = max(1, memoryCount / 5)
        return try await whileServing(cluster) { daemon, port in
            _ = try await post(0..<first, port)
            let before = try daemon.proportionalSize
            _ = try await post(first..<first + memoryCount, port)
            let after = try daemon.proportionalSize
            return BenchFigure("memory over \(memoryCount) posts", [after], "MiB", limits: [before], .atMost(1.15))
        }
    }

    // MARK: The daemon

    private func whileServing<Answer: Sendable>(
        _ cluster: BenchCluster,
        _ body: (ServeProcess, Int) async throws -> Answer
    ) async throws -> Answer {
        let folder = cluster.settings.database.developmentDirectory
        let port = try Socket.freePort()
        try NewFile.write(Self.sources, to: "\(folder)/sources.yaml", force: true)
        try NewFile.write(String(decoding: Self.secret, as: UTF8.self), to: "\(folder)/bench.key", force: true)
        let daemon = try ServeProcess(
            cluster.settings,
            [
                "schedules=\(folder)/schedules", "webhooks.sources=\(folder)/sources.yaml",
                "http.public_address=127.0.0.1:\(port)",
            ]
        )
        do {
            try await untilTaking(port)
            let answer = try await body(daemon, port)
            try await daemon.stop()
            return answer
        } catch {
            try? await daemon.stop()
            throw error
        }
    }

    private static let sources = """
        version: 1
        sources:
          bench:
            scheme: generic
            signature: { header: X-Signature, id_header: X-Id }
            secrets: [{ file: bench.key }]
            rates:
              source: { per_second: 1000000, burst: 1000000 }
              address: { per_second: 1000000, burst: 1000000 }

        """

    /// Until a first post, which counts, is stored.
    private func untilTaking(_ port: Int) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            do {
                _ = try await post(-1..<0, port, connections: 1)
                return
            } catch {
                guard ContinuousClock.now < deadline else { throw error }
            }
            // Waiting: a daemon that starts is asked, again and again.
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private func post(_ numbers: Range<Int>, _ port: Int, connections: Int? = nil) async throws -> ClosedLoop.Facts {
        var descriptors: [Int32] = []
        defer { for descriptor in descriptors { close(descriptor) } }
        for _ in 0..<(connections ?? self.connections) { descriptors.append(try Socket.loopback(port)) }
        return try await ClosedLoop.run(descriptors, numbers, Exchange(bytes: bytes))
    }

    private func bareRun(_ cluster: BenchCluster) async throws -> ClosedLoop.Facts {
        guard let place = cluster.settings.database.cluster else { throw BenchFailure("there is no private server") }
        let bytes = bytes
        let bare = BareWebhooks(
            socket: "\(place.socketDirectory)/.s.PGSQL.\(place.port)",
            database: DatabaseSettings.name,
            body: { Self.body($0, bytes: bytes) }
        )
        return try await bare.run(0..<count, connections: connections)
    }

    private func expect(_ count: Int, in table: String, _ cluster: BenchCluster) async throws {
        let statement = table.hasPrefix("bare") ? Statements.bare : Statements.stored
        let stored = try await cluster.asSuperuser { try await $0.query(statement) }.first?.get("count", as: Int.self)
        guard stored == count else { throw BenchFailure("\(stored ?? 0) rows stand in \(table) instead of \(count)") }
    }

    // MARK: What is posted

    static func body(_ number: Int, bytes: Int) -> [UInt8] {
        let start =
            #"{"event":"\#(number)","status":"0","data":{"md5":"0123456789abcdef0123456789abcdef","amount":12.50},"text":""#
        var body = Array(start.utf8)
        while body.count < bytes - 2 { body.append(UInt8(ascii: "a") + UInt8(truncatingIfNeeded: body.count % 23)) }
        return body + Array("\"}".utf8)
    }

    static let anySignature = String(repeating: "0123456789abcdef", count: 4)

    /// What is kept of a post's headers.
    static func headers(_ number: Int, signature: String) -> String {
        #"[["x-signature","\#(signature)"],["x-id","event-\#(number)"]]"#
    }

    private struct Exchange: LoadExchange {
        let bytes: Int

        func request(_ number: Int) -> [UInt8] {
            let body = WebhookBench.body(number, bytes: bytes)
            var digest = [UInt8](repeating: 0, count: 32)
            var length: UInt32 = 0
            HMAC(EVP_sha256(), secret, Int32(secret.count), body, body.count, &digest, &length)
            var request = "POST /webhooks/bench HTTP/1.1\r\nHost: bench.example\r\nContent-Type: application/json\r\n"
            request += "User-Agent: bench\r\nX-Id: event-\(number)\r\nX-Signature: "
            var bytes = Array(request.utf8)
            let digits = Array("0123456789abcdef".utf8)
            for byte in digest {
                bytes.append(digits[Int(byte >> 4)])
                bytes.append(digits[Int(byte & 15)])
            }
            bytes += Array("\r\nContent-Length: \(body.count)\r\n\r\n".utf8)
            return bytes + body
        }

        func isComplete(_ answer: ArraySlice<UInt8>) throws -> Bool {
            guard answer.count > 12 else { return false }
            guard answer.starts(with: "HTTP/1.1 200".utf8) else {
                let line = answer.prefix { $0 != 0x0D }
                throw BenchFailure("a post was answered: \(String(decoding: line, as: UTF8.self))")
            }
            // The answer to a post is `{}`.
            return answer.suffix(6).elementsEqual("\r\n\r\n{}".utf8)
        }
    }

    enum Statements {
        static let stored = Statement("bench.webhooks_stored", "select count(*) as count from bursar.webhook_event")
        static let bare = Statement("bench.webhooks_bare", "select count(*) as count from bare.webhook_event")

        /// Without those of tables that only a bench makes.
        static let all = [stored]
    }
}
