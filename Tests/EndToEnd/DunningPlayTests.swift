import Glibc
import TestSupport
import Testing

@Suite("A month of dunning")
struct DunningPlayTests {
    @Test(
        "Two daemons, killed at random, with an outage, holidays, stale bank data, promises and payments: what was said is the plan, once, at the right hour"
    )
    func month() async throws { try await DunningPlay.month(payers: 24, kills: 6) }
}

@Suite("A month of dunning, minute by minute", .enabled(if: getenv("BURSAR_SOAK") != nil))
struct DunningPlaySoakTests {
    @Test("The same with every minute of the month, more payers and many kills")
    func everyMinute() async throws { try await DunningPlay.month(payers: 72, kills: 25, everyMinute: true) }
}

extension DunningPlay {
    /// Plays the month, and compares.
    fileprivate static func month(payers: Int, kills: Int, everyMinute: Bool = false) async throws {
        let seed = getenv("BURSAR_SEED").flatMap { UInt64(String(cString: $0)) } ?? UInt64.random(in: 1...1_000_000)
        print("seed \(seed); again with BURSAR_SEED=\(seed)")
        var chance = SplitMix(state: seed)
        try await House.with(Portfolio.empty) { house in
            var play = try await DunningPlay(house, payers: payers, everyMinute: everyMinute)
            try await play.run(kills: kills, &chance)
            try await play.compare("seed \(seed)")
            #expect(play.kills.count > 0, "no kill hit anything; seed \(seed)")
        }
    }
}
