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
        let statements = try await undisturbedStatements()
        try await House.with(Portfolio.large) { house in
            let run = try await house.askForRenewals(attempts: 1000)
            var inside = 0
            for number in 1...Self.kills {
                // Together they come to two thirds of the run on average, so that something is left for the last node.
                let moment = Int.random(in: 1...(3 * statements / (2 * Self.kills + 6)), using: &generator)
                let (statement, row) = try await kill(afterStatements: moment, of: run, in: house)
                if row.state == "running", row.checkpoint != "{}" { inside += 1 }
                print(
                    "kill \(number) at \(statement), \(moment) statements in: \(row.state), checkpoint \(row.checkpoint)"
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

    private func kill(afterStatements count: Int, of run: Int64, in house: House) async throws -> (String, RunRow) {
        let trap = Trap(random: count)
        let proxy = try PostgresProxy(house, trap)
        defer { proxy.stop() }
        let daemon = try house.daemon("victim", url: proxy.url(house))
        trap.aim(at: daemon.process)
        let statement = try await trap.sprung.told("a daemon said \(count) statements of the run", within: .seconds(60))
        try await daemon.process.end()
        try await house.forgotten(daemon)
        return (statement, try await house.run(run))
    }

    /// How many statements the whole run takes.
    private func undisturbedStatements() async throws -> Int {
        try await House.with(Portfolio.large) { house in
            let trap = Trap()
            let proxy = try PostgresProxy(house, trap)
            defer { proxy.stop() }
            let run = try await house.askForRenewals()
            _ = try house.daemon("a", url: proxy.url(house))
            try await house.ended(run, within: .seconds(120))
            return trap.said
        }
    }
}

/// Chance that can be repeated.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
