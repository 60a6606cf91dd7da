import Glibc
import Postgres
import TestSupport
import Testing

@Suite("A node that was stopped past its lease")
struct ZombieTests {
    @Test(
        "A node that works but cannot renew its lease gives its run up before the lease ends, and another one completes it"
    )
    func cannotRenew() async throws {
        try await House.with { house in
            let begun = Moment<Void>()
            let proxy = try PostgresProxy(serverDirectory: house.database.cluster.settings.socketDirectory) { message in
                if message.kind == .bind, message.statement == "run.assert_fence" {
                    if message.count == 1 { begun.tell(()) }
                    // However fast the machine, the run outlasts the lease.
                    usleep(15_000)
                }
                // The way to the database is open for the work and silent for the lease.
                return message.statement == "engine.renew_lease" ? .hold : .forward
            }
            defer { proxy.stop() }
            let first = try house.daemon("a", url: proxy.url(house))
            let run = try await house.askForRenewals(chunk: 2)
            try await begun.told("the run began")
            // Nobody else is there yet who could take the run: it must stop by itself.
            try await waitUntil("the node gives up") { first.process.said.contains("its work is abandoned") }
            _ = try house.daemon("b")
            let row = try await house.ended(run)
            #expect(row.state == "succeeded" && row.attempts >= 2, "\(row)")
            #expect(first.process.said.contains("LeaseLost"))
            #expect(first.process.ended == nil)
            let late: Int = try await house.value(
                """
                select count(*)
                from bursar.installation, bursar.attempt a
                join bursar.node n on n.id = a.node_id
                join bursar.invoice i on i.run_id = a.run_id
                where a.run_id = \(run) and a.number = 1 and i.issued_at - business_offset > n.lease_until
                    and i.issued_at - business_offset < (
                        select started_at from bursar.attempt second where second.run_id = \(run) and second.number = 2
                    )
                """
            )
            #expect(late == 0, "the node went on after its lease")
            try await Ledger.expectSound(house, run: run)
        }
    }

    @Test(
        "It applies nothing when it goes on: another node has completed the run, and LeaseLost is in its log",
        arguments: [
            Strike(statement: "run.assert_fence", occurrence: 8, moment: .before),
            Strike(statement: "billing.issue_invoices", occurrence: 3, moment: .before),
            Strike(statement: "postgres.commit", occurrence: 5, moment: .before),
        ]
    )
    func stopped(at strike: Strike) async throws {
        try await House.with { house in
            let trap = Trap(strike, signal: SIGSTOP)
            let proxy = try PostgresProxy(house, trap)
            defer { proxy.stop() }
            let run = try await house.askForRenewals()
            let zombie = try house.daemon("a", url: proxy.url(house))
            trap.aim(at: zombie.process)
            _ = try await trap.sprung.told("the daemon said \(strike)")

            _ = try house.daemon("b")
            let row = try await house.ended(run)
            #expect(row.attempts >= 2, "\(row)")
            let completed = try await Ledger.read(house)

            zombie.process.signal(SIGCONT)
            try await waitUntil("the node has seen that its lease is lost") {
                zombie.process.said.contains("LeaseLost")
            }
            try await zombie.ready()
            let metrics = try await zombie.text("/metrics")
            #expect(metrics.contains(/bursar_fence_rejections_total\{[^}]*module="renewals"[^}]*\} 1/), "\(metrics)")
            let ledger = try await Ledger.read(house)
            if ledger != completed { Issue.record("it applied something:\n\(ledger.difference(from: completed))") }
            try await Ledger.expectSound(house, run: run, "stopped at \(strike)")
        }
    }
}
