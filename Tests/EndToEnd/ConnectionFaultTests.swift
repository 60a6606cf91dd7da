import Glibc
import Postgres
import TestSupport
import Testing

@Suite("A connection that breaks during renewals")
struct ConnectionFaultTests {
    /// Where it breaks, and whether the server got what was sent before.
    struct Break: Sendable, CustomTestStringConvertible {
        let statement: String
        let occurrence: Int
        let verdict: PostgresProxy.Verdict

        var testDescription: String { "\(verdict) at \(statement) #\(occurrence)" }
    }

    @Test(
        "The daemon tries again by itself, and whether the server got the last commit or not, the totals are right",
        arguments: [
            Break(statement: "postgres.commit", occurrence: 6, verdict: .drop),
            Break(statement: "postgres.commit", occurrence: 6, verdict: .dropAnswer),
            Break(statement: "billing.issue_invoices", occurrence: 3, verdict: .dropAnswer),
            Break(statement: "engine.finish", occurrence: 1, verdict: .drop),
        ]
    )
    func broken(_ fault: Break) async throws {
        try await House.with { house in
            let strike = Strike(statement: fault.statement, occurrence: fault.occurrence, moment: .before)
            let trap = Trap(strike, signal: 0, verdict: fault.verdict)
            let proxy = try PostgresProxy(house, trap)
            defer { proxy.stop() }
            let daemon = try house.daemon("a", url: proxy.url(house))
            trap.aim(at: daemon.process)
            let run = try await house.askForRenewals()
            _ = try await trap.sprung.told("the daemon said \(strike)")
            let row = try await house.ended(run)
            #expect(row.state == "succeeded", "\(row)")
            #expect(daemon.process.ended == nil)
            try await Ledger.expectSound(house, run: run, "\(fault.testDescription)")
        }
    }
}
