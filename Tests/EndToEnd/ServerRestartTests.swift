import Outbound
import Postgres
import TestSupport
import Testing

@Suite("A database server that dies during a run")
struct ServerRestartTests {
    @Test("The daemon survives it, says so on /readyz, and goes on by itself with the totals right")
    func restart() async throws {
        let cluster = try await TestCluster.separate("restart")
        let database = try await TestDatabase.made(by: Portfolio.renewable, in: cluster)
        try await House.with(database) { house in
            let trap = Trap(Strike(statement: "billing.due_subscriptions", occurrence: 3, moment: .before), signal: 0)
            let proxy = try PostgresProxy(house, trap)
            defer { proxy.stop() }
            let daemon = try house.daemon("a", url: proxy.url(house))
            try await daemon.ready()
            trap.aim(at: daemon.process)
            let run = try await house.askForRenewals()
            _ = try await trap.sprung.told("the third chunk began")

            try await cluster.stop(.immediate)
            try await waitUntil("/readyz says that the node cannot work", within: .seconds(12)) {
                await daemon.readiness() == 503
            }
            #expect(daemon.process.ended == nil, "the daemon ended with the server:\n\(daemon.process.said)")
            #expect(try await daemon.get("/livez").status == 200)
            try await cluster.start()
            let began = ContinuousClock.now
            let before: Int = try await house.value("select count(*) from bursar.invoice where run_id = \(run)")
            try await house.issued(atLeast: before + 1, by: run)
            #expect(
                ContinuousClock.now - began < .seconds(10),
                "the run did not go on within 10 s of the server's return"
            )
            try await daemon.ready()
            let row = try await house.ended(run)
            #expect(row.state == "succeeded", "\(row)")
            try await Ledger.expectSound(house, run: run)
        }
        try await cluster.destroy()
    }

    @Test(
        "Every part of two nodes goes on: claims within ten seconds, fires, leases, listening, and the ends of runs that came meanwhile"
    )
    func everyPart() async throws {
        let cluster = try await TestCluster.separate("parts")
        let database = try await TestDatabase.made(by: Portfolio.small, in: cluster)
        try await House.with(database) { house in
            house.schedules("\n  tick: { job: renewals, every: 1s, overlap: allow, misfire: { policy: each } }\n")
            let settings = ["BURSAR_NODE_LEASE": "30s"]
            let first = try await house.commandDaemon("a", settings: settings)
            let second = try await house.commandDaemon("b", settings: settings)
            let listeners = "select count(*) from pg_stat_activity where application_name = 'bursar watch'"
            try await waitUntil("both listen") { try await house.value(listeners, as: Int.self) == 2 }
            var runs: [Int64] = []
            for number in 1...3 {
                let wait =
                    "while [ ! -e \(house.desk)/go ]; do sleep 0.05; done; echo done > \(house.desk)/done-\(number)"
                runs.append(try await house.askForScript("echo begun > \(house.desk)/begun-\(number); \(wait)"))
            }
            for number in 1...3 { #expect(try await house.told("begun-\(number)") == "begun") }

            try await cluster.stop(.immediate)
            write("go\n", to: "\(house.desk)/go")
            for number in 1...3 { #expect(try await house.told("done-\(number)") == "done") }
            try await cluster.start()
            let back: String = try await house.value("select clock_timestamp()::text")
            let next = try await house.askForScript("exit 0")
            let row = try await house.ended(next)
            #expect(row.state == "succeeded", "\(row)")
            let seconds: Double = try await house.value(
                "select extract(epoch from started_at - '\(back)') from bursar.run_history where id = \(next)"
            )
            #expect(seconds < 10, "\(seconds) s from the server's return to the first claim")
            for run in runs {
                let row = try await house.ended(run)
                #expect(row.state == "succeeded" && row.attempts == 1, "\(row)\n\(first.process.said)")
            }
            let fires: Int = try await house.value("select count(*) from bursar.fire")
            try await waitUntil("schedules fire") {
                try await house.value("select count(*) from bursar.fire", as: Int.self) >= fires + 2
            }
            #expect(try await house.firesAstray() == [])
            try await waitUntil("both listen again") { try await house.value(listeners, as: Int.self) == 2 }
            for daemon in [first, second] { try await daemon.ready() }
            #expect(
                try await house.list("select host from bursar.node order by host") == ["a", "b"],
                "a lease was lost"
            )
        }
        try await cluster.destroy()
    }
}
