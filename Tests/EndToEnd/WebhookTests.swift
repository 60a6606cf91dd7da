import Glibc
import Outbound
import Postgres
import TestSupport
import Testing

@Suite("The webhook inbox of a daemon")
struct WebhookTests {
    @Test("Fifty parallel identical posts: one row, and fifty times 200")
    func identical() async throws {
        try await House.with(Portfolio.empty) { house in
            house.webhookSources()
            let (_, sender) = try await house.webhookDaemon()
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<50 { group.addTask { try await sender.post("e1").status } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses == Array(repeating: 200, count: 50))
            #expect(try await house.list("select source || ' ' || repeats from bursar.webhook_event") == ["relay 49"])
            #expect(try await sender.get("/up").status == 200)
        }
    }

    @Test("Every post that was answered 200 before a kill -9 is there")
    func killed() async throws {
        try await House.with(Portfolio.empty) { house in
            house.webhookSources()
            let (daemon, sender) = try await house.webhookDaemon()
            let answered = await withTaskGroup(of: [String].self) { group in
                for lane in 0..<8 {
                    group.addTask {
                        var answered: [String] = []
                        for number in 0..<10_000 {
                            let id = "\(lane)-\(number)"
                            guard (try? await sender.post(id).status) == 200 else { break }
                            answered.append(id)
                            if lane == 0, number == 40 { daemon.process.signal(SIGKILL) }
                        }
                        return answered
                    }
                }
                return await group.reduce(into: []) { $0 += $1 }
            }
            #expect(answered.count > 40)
            let stored = Set(try await house.list("select event_id from bursar.webhook_event"))
            #expect(answered.filter { !stored.contains($0) } == [])
        }
    }

    @Test("While the database is away a post is answered 503; afterwards everything that was answered 200 is there")
    func away() async throws {
        try await House.with(Portfolio.empty) { house in
            house.webhookSources()
            let proxy = try PostgresProxy(
                serverDirectory: house.database.cluster.settings.socketDirectory
            ) { _ in .forward }
            defer { proxy.stop() }
            let (daemon, sender) = try await house.webhookDaemon(url: proxy.url(house))
            #expect(try await sender.post("before").status == 200)
            proxy.freeze()
            let refused = try await sender.post("during")
            #expect(refused.status == 503 && refused[header: "retry-after"] != nil)
            try await waitUntil("/readyz says that nothing can be stored") {
                try await daemon.text("/readyz?verbose").contains("[-]webhooks failed")
            }
            proxy.thaw()
            proxy.cut()
            try await waitUntil("a post is stored again") { try await sender.post("during").status == 200 }
            let stored = try await house.list("select event_id from bursar.webhook_event order by id")
            #expect(stored == ["before", "during"])
            try await daemon.ready()
        }
    }

    @Test("Two nodes take posts of the same senders: one event is one row, whichever took it")
    func twoNodes() async throws {
        try await House.with(Portfolio.empty) { house in
            house.webhookSources()
            let (_, first) = try await house.webhookDaemon("a")
            let (_, second) = try await house.webhookDaemon("b")
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<100 {
                    for sender in [first, second] { group.addTask { try await sender.post("e\(number)").status } }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.allSatisfy { $0 == 200 } && statuses.count == 200)
            let rows = try await house.list("select count(*) || ' ' || sum(repeats) from bursar.webhook_event")
            #expect(rows == ["100 100"])
        }
    }

    @Test("A conflict is answered like any post, and is an alarm that the operator sees")
    func conflict() async throws {
        try await House.with(Portfolio.empty) { house in
            house.webhookSources()
            let (_, sender) = try await house.webhookDaemon()
            #expect(try await sender.post("e1", #"{"md5":"1"}"#).status == 200)
            #expect(try await sender.post("e1", #"{"md5":"2"}"#).status == 200)
            let alarms = try await house.bursar("alarms")
            #expect(alarms.output.contains("webhook_conflict:relay"), "\(alarms)")
            let list = try await house.bursar("webhooks", "list", "--state", "conflict")
            #expect(list.status == 0 && list.output.contains("e1"), "\(list)")
        }
    }

    @Test(
        "A file with an error changes nothing on reload, and says so with line and column; a good one is in force at once"
    )
    func reload() async throws {
        try await House.with(Portfolio.empty) { house in
            house.webhookSources()
            let (daemon, sender) = try await house.webhookDaemon()
            #expect(try await sender.post("e1", to: "bank").status == 404)
            house.webhookSources("  bank: { scheme: generic }")
            let refused = try await house.bursar("reload")
            #expect(refused.status == 65 && refused.errors.contains("webhooks.yaml:9:3: "), "\(refused)")
            #expect(try await daemon.text("/status").contains("webhooks.yaml:9:3: "))
            #expect(await daemon.readiness() == 503)
            #expect(try await sender.post("e2").status == 200)
            let check = try await house.bursar("check", "--webhooks", "\(house.folder)/webhooks.yaml")
            #expect(check.status == 65 && check.errors.contains("webhooks.yaml:9:3: "), "\(check)")

            let bank = "  bank: { scheme: generic, signature: { id_header: X-Id }, secrets: [{ file: relay.key }] }"
            house.webhookSources(bank)
            let taken = try await house.bursar("reload")
            #expect(taken.status == 0, "\(taken)")
            #expect(try await sender.post("e1", to: "bank").status == 200)
            try await daemon.ready()
        }
    }

    @Test("A replay by hand is a proposal, and applying it twice does it once; without a reason it is refused")
    func replay() async throws {
        try await House.with(Portfolio.empty) { house in
            house.webhookSources()
            let (_, sender) = try await house.webhookDaemon()
            for number in 0..<3 { _ = try await sender.post("e\(number)") }
            try await house.database.setUp(
                "update bursar.webhook_event set state = 'processed', outcome = 'x', processed_at = clock_timestamp()"
            )
            let plan = try await house.bursar("webhooks", "replay", "--source", "relay", "--json")
            let proposal = try #require(plan.output.firstMatch(of: /"proposal": ?(\d+)/), "\(plan)").1
            #expect(plan.output.contains(/"count": ?3/), "\(plan)")
            let bare = try await house.bursar("webhooks", "replay", "--apply", String(proposal))
            #expect(bare.status == 64, "\(bare)")
            for _ in 0..<2 {
                let done = try await house.bursar(
                    "webhooks",
                    "replay",
                    "--apply",
                    String(proposal),
                    "--reason",
                    "why not"
                )
                #expect(done.status == 0 && done.output.contains("replayed: 3"), "\(done)")
            }
            let rows = try await house.list("select distinct replays::text from bursar.webhook_event")
            #expect(rows == ["1"])
        }
    }

    @Test("A post's body is shown so that no terminal is harmed, and written whole with --raw")
    func show() async throws {
        try await House.with(Portfolio.empty) { house in
            house.webhookSources()
            let (_, sender) = try await house.webhookDaemon()
            let body = "{\"text\":\"\u{1B}[2J\u{202E}ចន\"}"
            #expect(try await sender.post("e1", body).status == 200)
            let shown = try await house.bursar("webhooks", "show", "1")
            #expect(shown.status == 0 && shown.output.contains("\\u{1b}[2J\\u{202e}ចន"), "\(shown)")
            #expect(!shown.output.contains("\u{1B}") && !shown.output.contains("\u{202E}"))
            let raw = try await house.bursar("webhooks", "show", "1", "--raw", "\(house.folder)/body")
            #expect(raw.status == 0 && contents(of: "\(house.folder)/body") == body, "\(raw)")
            let missing = try await house.bursar("webhooks", "show", "99")
            #expect(missing.status == 65, "\(missing)")
        }
    }

    @Test("No log has a body, a signature or a secret in it")
    func logs() async throws {
        try await House.with(Portfolio.empty) { house in
            house.webhookSources()
            let (daemon, sender) = try await house.webhookDaemon(settings: ["BURSAR_LOG_LEVEL": "trace"])
            _ = try await sender.post("e1", #"{"md5":"canary-body"}"#)
            _ = try await sender.post("e1", #"{"md5":"canary-other"}"#)
            _ = try await sender.post("canary-id", "canary-wrong", secret: "another secret of ours")
            _ = try await sender.post("e2", "canary-path", to: "canary-source")
            let metrics = try await daemon.text("/metrics")
            #expect(metrics.contains(#"bursar_webhook_posts_total{source="relay",status="2xx"} 2"#), "\(metrics)")
            #expect(metrics.contains(#"bursar_webhook_conflicts_total{source="relay"} 1"#))
            let said = daemon.process.said + metrics + (try await daemon.text("/status"))
            #expect(!said.contains("canary") && !said.contains(House.webhookSecret), "\(said)")
        }
    }
}
