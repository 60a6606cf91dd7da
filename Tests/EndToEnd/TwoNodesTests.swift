import Glibc
import TestSupport
import Testing

@Suite("Two nodes on one database")
struct TwoNodesTests {
    @Test("When the one that works a run is killed, the other takes the run over within a lease")
    func takeover() async throws {
        try await House.with { house in
            let trap = Trap(Strike(statement: "billing.due_subscriptions", occurrence: 3, moment: .before))
            let proxy = try PostgresProxy(house, trap)
            defer { proxy.stop() }
            let run = try await house.askForRenewals()
            let first = try house.daemon("a", url: proxy.url(house))
            trap.aim(at: first.process)
            _ = try await trap.sprung.told("the third chunk began")
            let death: String = try await house.value("select clock_timestamp()::text")
            let second = try house.daemon("b")
            try await second.ready()
            let row = try await house.ended(run)
            let outcomes = try await house.list(
                "select outcome from bursar.attempt where run_id = \(run) order by number"
            )
            #expect(
                row.state == "succeeded" && outcomes.first == "crashed" && outcomes.last == "succeeded",
                "\(outcomes)"
            )
            let seconds: Double = try await house.value(
                "select extract(epoch from started_at - '\(death)') from bursar.attempt where run_id = \(run) and number = 2"
            )
            #expect(seconds < 3, "a lease of 2 s, and \(seconds) s until the other node began")
            try await Ledger.expectSound(house, run: run)
        }
    }

    @Test("Every fire of a schedule is made once, whoever makes it, also while nodes come and go")
    func firesAreMadeOnce() async throws {
        try await House.with(Portfolio.small) { house in
            house.schedules(
                """

                  tick:
                    job: renewals
                    every: 1s
                    overlap: allow
                    misfire: { policy: each, within: 1h }
                """
            )
            let first = try house.daemon("a")
            let second = try house.daemon("b")
            try await fires(3, in: house)
            first.process.signal(SIGKILL)
            try await fires(6, in: house)
            _ = try house.daemon("c")
            try await fires(9, in: house)
            second.process.signal(SIGTERM)
            #expect(try await second.process.end() == .exited(0))
            try await fires(11, in: house)

            #expect(try await house.firesAstray() == [])
            let invoices: Int = try await house.value("select count(*) from bursar.invoice")
            #expect(invoices == 100)
        }
    }

    @Test(
        "SIGTERM drains: the node ends within seconds with 0, its run costs no attempt, and the other node completes it"
    )
    func drain() async throws {
        try await House.with { house in
            let trap = Trap(
                Strike(statement: "billing.due_subscriptions", occurrence: 3, moment: .before),
                signal: SIGTERM
            )
            let proxy = try PostgresProxy(house, trap)
            defer { proxy.stop() }
            let run = try await house.askForRenewals()
            let first = try house.daemon("a", url: proxy.url(house))
            trap.aim(at: first.process)
            _ = try await trap.sprung.told("the third chunk began")
            #expect(try await first.process.end(within: .seconds(10)) == .exited(0), "\(first.process.said)")

            let between = try await house.run(run)
            #expect(between.state == "ready" && between.failures == 0, "\(between)")
            #expect(between.checkpoint.contains("cursor"))
            let leases: Int = try await house.value(
                "select count(*) from bursar.node where lease_until > clock_timestamp()"
            )
            #expect(leases == 0, "a node that has left holds a lease")

            _ = try house.daemon("b")
            let row = try await house.ended(run)
            #expect(row.state == "succeeded", "\(row)")
            let outcomes = try await house.list(
                "select outcome from bursar.attempt where run_id = \(run) order by number"
            )
            #expect(outcomes == ["handed_back", "succeeded"])
            try await Ledger.expectSound(house, run: run)
        }
    }

    private func fires(_ count: Int, in house: House) async throws {
        try await waitUntil("\(count) fires were made") {
            try await house.value("select count(*) from bursar.fire", as: Int.self) >= count
        }
    }
}
