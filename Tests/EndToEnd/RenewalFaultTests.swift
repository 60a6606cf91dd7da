import TestSupport
import Testing

@Suite("A daemon killed during renewals")
struct RenewalFaultTests {
    /// How many kills are tried side by side: most of the time is waiting for a dead node's lease to end.
    private static let lanes = 4

    @Test("Killed at any statement of a renewal, another node completes it as if nothing had happened")
    func everyStatement() async throws {
        let undisturbed = try await Undisturbed.run()
        let strikes = undisturbed.strikes()
        #expect(strikes.count >= 25, "so few statements were seen: \(strikes)")
        for expected in [
            "billing.issue_invoices", "billing.park", "billing.turn", "run.save_checkpoint", "postgres.commit",
        ] {
            #expect(strikes.contains { $0.statement == expected }, "a renewal without \(expected)")
        }
        let kills = try await inLanes(strikes + Undisturbed.strikesOfTheNode) { strike in
            try await Kill.tried(strike, undisturbed.ledger)
        }
        for kill in kills { print(kill) }
        let inside = kills.filter(\.isInside).count
        print("\(kills.count) kills, \(inside) strictly inside the run")
        #expect(inside * 10 >= kills.count * 6, "too few kills lay strictly inside the run")
    }

    @Test("A run that kills its node every time ends dead after its attempts, and the next run is worked as ever")
    func killsEveryNode() async throws {
        try await House.with { house in
            let run = try await house.askForRenewals(attempts: 2)
            for number in 1...2 {
                let trap = Trap(Strike(statement: "billing.issue_invoices", occurrence: 2, moment: .before))
                let proxy = try PostgresProxy(house, trap)
                defer { proxy.stop() }
                let daemon = try house.daemon("victim-\(number)", url: proxy.url(house))
                trap.aim(at: daemon.process)
                _ = try await trap.sprung.told("the second chunk was issued")
                try await daemon.process.end()
            }
            _ = try house.daemon("survivor")
            let row = try await house.ended(run)
            #expect(row.state == "dead" && row.outcome?.contains("died") ?? false, "\(row)")
            let next = try await house.askForRenewals()
            let done = try await house.ended(next)
            #expect(done.state == "succeeded" && done.attempts == 1, "\(done)")
            try await Ledger.expectSound(house, run: next)
        }
    }

    private func inLanes(
        _ strikes: [Strike],
        _ body: @escaping @Sendable (Strike) async throws -> Kill
    ) async throws -> [Kill] {
        try await withThrowingTaskGroup(of: Kill.self) { group in
            var rest = strikes.makeIterator()
            for _ in 0..<Self.lanes {
                if let strike = rest.next() { group.addTask { try await body(strike) } }
            }
            var kills: [Kill] = []
            while let kill = try await group.next() {
                kills.append(kill)
                if let strike = rest.next() { group.addTask { try await body(strike) } }
            }
            return kills.sorted { $0.strike.description < $1.strike.description }
        }
    }
}

/// A renewal that nobody disturbed: what it left in the books, and which statements it sent.
struct Undisturbed: Sendable {
    let ledger: Ledger
    let counts: [String: Int]

    static func run() async throws -> Undisturbed {
        try await House.with { house in
            let trap = Trap()
            let proxy = try PostgresProxy(house, trap)
            defer { proxy.stop() }
            let run = try await house.askForRenewals()
            _ = try house.daemon("a", url: proxy.url(house))
            let row = try await house.ended(run)
            let counts = trap.counts
            #expect(row.state == "succeeded", "\(row)")
            try await Ledger.expectSound(house, run: run, "undisturbed")
            return Undisturbed(ledger: try await .read(house), counts: counts)
        }
    }

    private static let endings: Set = ["engine.hold", "engine.close_attempt", "engine.finish"]

    /// What begins so the daemon says for itself: of the queue, and once a minute of alarms.
    private static let roomsOfTheNode = ["engine.", "custody.", "retention."]

    /// What a node says again and again, whatever it works on.
    ///
    /// These strike a run in chunks of one, which lasts longer.
    static let strikesOfTheNode = [
        "engine.renew_lease", "engine.lost_runs", "engine.schedules_in_force", "engine.cancelled", "engine.promote",
    ].map { Strike(statement: $0, occurrence: 1, moment: .before, chunk: 1) }

    /// One strike at every statement, in the middle of its occurrences; at some of them one more, after the server got it.
    func strikes() -> [Strike] {
        let ofTheRun = counts.filter { counted in
            !Self.roomsOfTheNode.contains { counted.key.hasPrefix($0) } || Self.endings.contains(counted.key)
        }
        var strikes = ofTheRun.map { Strike(statement: $0, occurrence: ($1 + 1) / 2, moment: .before) }
        strikes.append(Strike(statement: "engine.claim", occurrence: 1, moment: .before))
        for statement in ["postgres.commit", "billing.issue_invoices", "run.save_checkpoint", "engine.finish"] {
            let count = counts[statement, default: 1]
            strikes.append(Strike(statement: statement, occurrence: count / 2 + 1, moment: .after))
        }
        return strikes.sorted { $0.description < $1.description }
    }
}

/// One daemon that was killed in the middle of a run, which another one then completed.
struct Kill: Sendable, CustomStringConvertible {
    let strike: Strike
    /// What the run had committed when its node died.
    let atKill: RunRow
    let atEnd: RunRow

    /// Something of the run was committed, and something was left to do.
    var isInside: Bool {
        atKill.state == "running" && atKill.checkpoint != "{}" && atKill.checkpoint != atEnd.checkpoint
    }

    var description: String {
        "\(isInside ? "inside " : "at edge") \(strike): \(atKill.state), checkpoint \(atKill.checkpoint)"
    }

    /// Kills a daemon at the strike, lets a second one go on, and compares the books with those of an undisturbed run.
    static func tried(_ strike: Strike, _ undisturbed: Ledger) async throws -> Kill {
        try await House.with { house in
            let trap = Trap(strike)
            let proxy = try PostgresProxy(house, trap)
            defer { proxy.stop() }
            let run = try await house.askForRenewals(chunk: strike.chunk)
            let first = try house.daemon("a", url: proxy.url(house))
            trap.aim(at: first.process)
            _ = try await trap.sprung.told("the daemon said \(strike)")
            #expect(try await first.process.end() == .killed(signal: 9))
            try await house.forgotten(first)
            let atKill = try await house.run(run)

            _ = try house.daemon("b")
            let atEnd = try await house.ended(run)
            try await Ledger.expectSound(house, run: run, "killed \(strike)")
            let ledger = try await Ledger.read(house)
            // Within a chunk the oldest period gets the first number, so other chunks make other numbers.
            if strike.chunk == 50, ledger != undisturbed {
                Issue.record("killed \(strike), the books differ:\n\(ledger.difference(from: undisturbed))")
            }
            return Kill(strike: strike, atKill: atKill, atEnd: atEnd)
        }
    }
}

extension House {
    /// Waits until the server has ended the sessions of a dead daemon: what it had sent is done or undone then.
    func forgotten(_ daemon: Daemon) async throws {
        try await waitUntil("the server has noticed the death of \(daemon.name)") {
            try await value(
                "select count(*) from pg_stat_activity where datname = current_database() and application_name like 'bursar %'",
                as: Int.self
            ) == 0
        }
    }
}
