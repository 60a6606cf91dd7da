import Glibc
import TestSupport
import Testing

@Suite("A node that was stopped past its lease")
struct ZombieTests {
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
