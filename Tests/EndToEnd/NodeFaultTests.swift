import Glibc
import Outbound
import Postgres
import Synchronization
import TestSupport
import Testing

@Suite("Nodes that lose sight of their database, or of each other")
struct NodeFaultEndToEndTests {
    @Test("Two daemons of one name, as a copied machine has it, are two nodes: the end of one is not the other's")
    func sameName() async throws {
        try await House.with(Portfolio.small) { house in
            let settings = ["BURSAR_NODE_NAME": "twin"]
            let first = try await house.commandDaemon("a", settings: settings)
            let second = try await house.commandDaemon("b", settings: settings)
            try await second.ready()
            let leases = "select count(*) from bursar.node where host = 'twin' and lease_until > clock_timestamp()"
            try await waitUntil("both have a lease") { try await house.value(leases, as: Int.self) == 2 }
            // Four runs a node: both work.
            for _ in 1...8 { _ = try await house.askForScript("exec sleep 60", attempts: 3) }
            let running = "select count(distinct node_id) from bursar.run where state = 'running'"
            try await waitUntil("both work") { try await house.value(running, as: Int.self) == 2 }
            try await waitUntil("all are running") {
                try await house.value("select count(*) from bursar.run where state = 'running'", as: Int.self) == 8
            }
            first.process.signal(SIGKILL)
            let crashed = "select count(*) from bursar.attempt where outcome = 'crashed'"
            try await waitUntil("the runs of the one that died are taken back") {
                try await house.value(crashed, as: Int.self) == 4
            }
            #expect(try await house.value("select count(*) from bursar.run where state = 'running'", as: Int.self) == 4)
            #expect(second.process.said.contains("its work is abandoned") == false)
        }
    }

    @Test(
        "Half-open connections: a node whose network swallows everything gives its run up, another completes it, and it comes back"
    )
    func halfOpen() async throws {
        try await House.with { house in
            let begun = Moment<Void>()
            let proxy = try PostgresProxy(serverDirectory: house.database.cluster.settings.socketDirectory) { message in
                if message.kind == .bind, message.statement == "run.assert_fence" {
                    if message.count == 3 { begun.tell(()) }
                    // However fast the machine, the run goes on.
                    usleep(15_000)
                }
                return .forward
            }
            defer { proxy.stop() }
            let first = try house.daemon("a", url: proxy.url(house))
            let run = try await house.askForRenewals(chunk: 5)
            try await begun.told("the run is under way")
            proxy.freeze()
            try await waitUntil("the node gives up") { first.process.said.contains("its work is abandoned") }
            try await waitUntil("/readyz tells within about ten seconds", within: .seconds(12)) {
                await first.readiness() == 503
            }
            #expect(try await first.get("/livez").status == 200)
            _ = try house.daemon("b")
            let row = try await house.ended(run)
            #expect(row.state == "succeeded" && row.attempts >= 2, "\(row)")
            proxy.thaw()
            try await first.ready(within: .seconds(60))
            try await Ledger.expectSound(house, run: run)
        }
    }

    @Test(
        "A zombie that stands still in a transaction is in nobody's way: its session is ended, and the run goes on within a lease"
    )
    func zombieInTransaction() async throws {
        try await House.with { house in
            let trap = Trap(
                Strike(statement: "billing.issue_invoices", occurrence: 3, moment: .before),
                signal: SIGSTOP
            )
            let proxy = try PostgresProxy(house, trap)
            defer { proxy.stop() }
            let run = try await house.askForRenewals()
            // The server itself would end the session much later.
            let patient = proxy.url(house) + "&options=-c%20idle_in_transaction_session_timeout%3D600s"
            let zombie = try house.daemon("a", url: patient)
            trap.aim(at: zombie.process)
            _ = try await trap.sprung.told("the third chunk is written")
            let stop: String = try await house.value("select clock_timestamp()::text")
            let second = try house.daemon("b")
            try await waitUntil("the run goes on under another node") {
                try await house.value("select count(*) from bursar.attempt where run_id = \(run)", as: Int.self) >= 2
            }
            let seconds: Double = try await house.value(
                "select extract(epoch from started_at - '\(stop)') from bursar.attempt where run_id = \(run) and number = 2"
            )
            #expect(seconds < 6, "a lease of 2 s, a daemon that starts, and \(seconds) s until the run went on")
            let row = try await house.ended(run)
            #expect(row.state == "succeeded", "\(row)\n\(second.process.said)")
            zombie.process.signal(SIGCONT)
            try await waitUntil("the node has seen it") { zombie.process.said.contains("its work is abandoned") }
            try await Ledger.expectSound(house, run: run)
        }
    }

    @Test(
        "A server clock that steps ahead ends every lease at once: the node takes another one, and its run is completed"
    )
    func clockSteps() async throws {
        try await House.with { house in
            let begun = Moment<Void>()
            let proxy = try PostgresProxy(serverDirectory: house.database.cluster.settings.socketDirectory) { message in
                if message.kind == .bind, message.statement == "run.assert_fence" {
                    if message.count == 3 { begun.tell(()) }
                    usleep(15_000)  // However fast the machine, the run goes on.
                }
                return .forward
            }
            defer { proxy.stop() }
            let daemon = try house.daemon("a", url: proxy.url(house))
            let run = try await house.askForRenewals(chunk: 5)
            try await begun.told("the run is under way")
            // What a clock does that is an hour ahead all of a sudden, seen from the leases.
            try await house.query("update bursar.node set lease_until = lease_until - interval '1 hour'")
            let row = try await house.ended(run)
            #expect(row.state == "succeeded" && row.attempts == 2, "\(row)")
            #expect(daemon.process.said.contains("the lease had ended in the database"))
            try await Ledger.expectSound(house, run: run)
        }
    }

    @Test("With all nodes away for longer than a lease there is an outage on record, and /status and a command show it")
    func outage() async throws {
        try await House.with(Portfolio.empty) { house in
            let first = try house.daemon("a")
            let second = try house.daemon("b")
            try await first.ready()
            try await second.ready()
            first.process.signal(SIGKILL)
            second.process.signal(SIGKILL)
            let away = "select max(lease_until) < clock_timestamp() - interval '2 s' from bursar.node"
            try await waitUntil("nobody has had a lease for longer than one") { try await house.value(away) }
            let third = try house.daemon("c")
            try await third.ready()
            let recorded = try await house.list(
                """
                select kind || ' ' || subject || ' ' || (upper(o.during) - lower(o.during) > interval '2 s')
                from bursar.outage o
                where lower(o.during) = (select max(lease_until) from bursar.node where host in ('a', 'b'))
                """
            )
            #expect(recorded == ["engine nodes true"])
            let shown = try await house.bursar("nodes", "outages", node: "c")
            #expect(shown.status == 0 && shown.output.contains("engine"), "\(shown)")
            #expect(try await third.text("/status").contains("\"last_outages\": [{"))
            let nodes = try await house.bursar("nodes", "list", "--json", node: "c")
            #expect(nodes.status == 0 && nodes.output.contains("\"in_force\": true"), "\(nodes)")
        }
    }
}
