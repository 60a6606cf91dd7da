import Glibc
import TestSupport
import Testing

@Suite("Kills at random", .enabled(if: getenv("BURSAR_SOAK") != nil))
struct RandomKillSoakTests {
    private static let kills = 20

    @Test("Twenty kills at random statements of one run leave the books as if nothing had happened")
    func twentyKills() async throws {
        let seed = getenv("BURSAR_SEED").flatMap { UInt64(String(cString: $0)) } ?? UInt64.random(in: 1...1_000_000)
        print("seed \(seed); again with BURSAR_SEED=\(seed)")
        var generator = SplitMix(state: seed)
        try await House.with(Portfolio.large) { house in
            let run = try await house.askForRenewals(attempts: 1000)
            var inside = 0
            for number in 1...Self.kills {
                let moment = Int.random(in: 1...60, using: &generator)
                // Most daemons get a chunk done before they are killed, or the run would not come far.
                let beginning =
                    Int.random(in: 1...3, using: &generator) == 1 ? "run.assert_fence" : "run.save_checkpoint"
                let (statement, row) = try await kill(moment, since: beginning, of: run, in: house)
                if row.state == "running", row.checkpoint != "{}" { inside += 1 }
                print(
                    "kill \(number) at \(statement), \(moment) statements since \(beginning): \(row.state), checkpoint \(row.checkpoint)"
                )
                if row.hasEnded { break }
            }
            _ = try house.daemon("last")
            let row = try await house.ended(run, within: .seconds(180))
            #expect(row.state == "succeeded", "\(row)")
            #expect(inside >= Self.kills * 6 / 10, "only \(inside) kills lay strictly inside the run")
            try await Ledger.expectSound(house, run: run, "seed \(seed)")
        }
    }

    private func kill(
        _ count: Int,
        since beginning: String,
        of run: Int64,
        in house: House
    ) async throws -> (String, RunRow) {
        let trap = Trap(random: count, beginning: beginning)
        let proxy = try PostgresProxy(house, trap)
        defer { proxy.stop() }
        let daemon = try house.daemon("victim", url: proxy.url(house))
        trap.aim(at: daemon.process)
        let statement = try await trap.sprung.told("a daemon said \(count) statements of the run", within: .seconds(60))
        try await daemon.process.end()
        try await house.forgotten(daemon)
        return (statement, try await house.run(run))
    }
}
