import Custody
import Glibc
import JobKit
import TestSupport
import Testing

/// A daemon that is killed at random moments of a backup and of a drill, again and again, until it is left alone.
struct CustodyKills: Sendable {
    let house: House
    let room: Strongroom
    let seed: UInt64
    private let settings: [String: String]

    init(_ house: House, _ room: Strongroom, seed: UInt64) {
        self.house = house
        self.room = room
        self.seed = seed
        settings = room.settings(house)
    }

    /// Takes a backup and drills it in peace, then kills so many daemons during each.
    static func play(_ portfolio: DatabaseRecipe, kills: Int) async throws {
        let seed = getenv("BURSAR_SEED").flatMap { UInt64(String(cString: $0)) } ?? UInt64.random(in: 1...1_000_000)
        print("seed \(seed); again with BURSAR_SEED=\(seed)")
        var chance = SplitMix(state: seed)
        try await Strongroom.with { room in
            try await House.with(portfolio) { house in
                let play = CustodyKills(house, room, seed: seed)
                try await play.work("backup", kills: kills, &chance)
                try await play.work("backup-verification", kills: kills, &chance)
            }
        }
    }

    /// Kills daemons during one job, and lets the last one finish it.
    private func work(_ job: String, kills: Int, _ chance: inout SplitMix) async throws {
        let quiet = try await undisturbed(job)
        var inside = 0
        var run = try await ask(job)
        for number in 1...kills {
            let daemon = try house.daemon("victim-\(SerialNumber.next())", settings: settings)
            let before = try await house.run(run).attempts
            try await waitUntil("\(daemon.name) has claimed the \(job)", within: .seconds(30)) {
                let row = try await house.run(run)
                return row.attempts > before || row.hasEnded
            }
            let moment = quiet * Double.random(in: 0...1.1, using: &chance)
            // Waiting: the kill comes at a moment that has nothing to do with what goes on.
            try await Task.sleep(for: moment)
            daemon.process.signal(SIGKILL)
            try await daemon.process.end()
            let row = try await house.run(run)
            if !row.hasEnded { inside += 1 }
            print("kill \(number) of \(job) after \(moment): \(row.state)")
            try await expectNothingHalf("kill \(number) of \(job)")
            if row.hasEnded { run = try await ask(job) }
        }
        #expect(inside * 2 >= kills, "only \(inside) kills lay inside a \(job); seed \(seed)")
        let last = try house.daemon("last-\(SerialNumber.next())", settings: settings)
        let row = try await house.ended(run, within: .seconds(120))
        #expect(row.state == "succeeded", "\(row); seed \(seed)")
        last.process.signal(SIGTERM)
        try await last.process.end()
        try await expectClean(job)
    }

    /// How long the job takes where nobody disturbs it.
    private func undisturbed(_ job: String) async throws -> Duration {
        let daemon = try house.daemon("quiet-\(SerialNumber.next())", settings: settings)
        try await daemon.ready()
        let began = ContinuousClock.now
        let row = try await house.ended(try await ask(job), within: .seconds(120))
        #expect(row.state == "succeeded", "\(row)")
        let took = ContinuousClock.now - began
        daemon.process.signal(SIGTERM)
        try await daemon.process.end()
        return took
    }

    private func ask(_ job: String) async throws -> Int64 {
        try await house.value(
            """
            select run_id from bursar.enqueue('\(job)', '{}', reason => 'kills at random',
                retry => '{"attempts": 1000, "initial": "100 milliseconds", "max": "100 milliseconds", "jitter": 0}')
            """
        )
    }

    // MARK: What must be true after every kill

    /// What the daemon had started is gone; every backup that has its name, is listed or is in the table is whole.
    private func expectNothingHalf(_ what: String) async throws {
        try await waitUntil("nothing that a killed daemon started goes on: \(room.processes)", within: .seconds(30)) {
            room.processes.isEmpty
        }
        let named = Set(room.named)
        for name in named { #expect(room.faults(name) == [], "\(what); seed \(seed)") }
        let listed = Set(try await house.listedBackups(settings))
        #expect(listed.isSubset(of: named), "\(what): a backup is listed that is not there; seed \(seed)")
        #expect(listed == Set(try await table()), "\(what); seed \(seed)")
        let lies: Int = try await house.value(
            "select count(*) from bursar.drill d where verdict = 'pass' and 13 <> (select count(*) from bursar.drill_phase where drill_id = d.id)"
        )
        #expect(lies == 0, "\(what): a drill that was broken off has no verdict; seed \(seed)")
    }

    /// What remains after the last run: whole backups that the database knows, and nothing of any drill.
    private func expectClean(_ job: String) async throws {
        try await expectNothingHalf("the end of \(job)")
        #expect(Strongroom.entries(room.backups) == (try await table()).sorted(), "seed \(seed)")
        #expect(Strongroom.entries(room.scratch) == [], "seed \(seed)")
        if job == "backup-verification" {
            #expect(try await house.lastDrill().receipt.verdict == .pass, "seed \(seed)")
        }
    }

    private func table() async throws -> [String] {
        try await house.list("select name from bursar.backup where removed_at is null")
    }
}

@Suite("Kills during backups and drills")
struct CustodyKillTests {
    @Test(
        "A daemon killed at random during a backup and a drill leaves nothing half behind, and both are done in the end"
    )
    func few() async throws { try await CustodyKills.play(Portfolio.owed, kills: 3) }
}

@Suite("Many kills during backups and drills", .enabled(if: getenv("BURSAR_SOAK") != nil))
struct CustodyKillSoakTests {
    @Test("The same with a larger portfolio and forty kills")
    func many() async throws { try await CustodyKills.play(Portfolio.manyOwed, kills: 20) }
}
