import Glibc
import Postgres
import TestSupport
import Testing

@Suite("Notices through a mail relay that lies")
struct NoticeRelayTests {
    /// What the relay does to whom: odd ones are reminders, even ones final notices (tenants above 20).
    private static let script = """
        rules:
          - { at: rcpt, to: "payer3@*", replies: ["451 4.2.1 busy", ok] }
          - { at: rcpt, to: "payer24@*", replies: ["451 4.2.1 busy", ok] }
          - { at: dot, to: "payer5@*", replies: [drop, ok] }
          - { at: dot, to: "payer6@*", replies: [drop-kept, ok] }
          - { at: dot, to: "payer25@*", replies: [drop, ok] }
          - { at: dot, to: "payer26@*", replies: [drop-kept, ok] }
          - { at: dot, to: "payer7@*", replies: ["550 5.1.1 no such user"] }
          - { at: dot, to: "payer27@*", replies: ["550 5.1.1 no such user"] }
          - { at: dot, replies: ["wait=60ms ok"] }
        """

    @Test(
        "Hung up on after the final dot, refused late, and killed in the middle: what is accepted is there, a final notice never twice, nothing lost"
    )
    func liesAndKills() async throws {
        let seed = getenv("BURSAR_SEED").flatMap { UInt64(String(cString: $0)) } ?? UInt64.random(in: 1...1_000_000)
        print("seed \(seed); again with BURSAR_SEED=\(seed)")
        var chance = SplitMix(state: seed)
        try await House.with(Portfolio.empty) { house in
            try await NoticeWorld.build(house, late: 20, last: 20)
            let settings = try await Self.relay(house)
            var daemon = try await house.noticeDaemon(settings: settings)
            try await house.setClock(NoticeWorld.morning)
            async let first: Void = house.work(NoticeWorld.morning, "dunning", "notice-delivery")
            for kept in [Int.random(in: 0...8, using: &chance), Int.random(in: 12...20, using: &chance)] {
                try await waitUntil("the relay has \(kept) messages and more are on their way", within: .seconds(30)) {
                    guard Self.spool(house).count >= kept else { return false }
                    return try await house.value("select exists (select from bursar.message where state = 'sending')")
                }
                daemon.process.signal(SIGKILL)
                try await daemon.process.end()
                daemon = try await house.noticeDaemon(settings: settings)
            }
            try await first
            for hour in 10...16 { try await house.work("2026-03-14 \(hour):30", "notice-delivery") }
            try await Self.compare(house, "seed \(seed)")
        }
    }

    /// Starts the relay, and writes the file of channels that leads to it.
    private static func relay(_ house: House) async throws -> [String: String] {
        write(script, to: "\(house.folder)/script.yaml")
        let process = try house.start(
            Program.path,
            ["sim", "smtp", "--json", "--spool", "\(house.folder)/mail", "--script", "\(house.folder)/script.yaml"],
            Program.environment.merging(["BURSAR_CONFIG": "\(house.folder)/bursar.yaml"]) { $1 },
            as: "relay"
        )
        try await waitUntil("the relay serves: \(process.said)") { process.answered.contains("}") }
        let start = try #require(process.answered.firstRange(of: "\"port\":")).upperBound
        let port = process.answered[start...].prefix { $0.isNumber }
        write(
            """
            version: 1
            channels:
              email:
                from: "Mekong <billing@mekong.example>"
                transports: [{ smtp: { name: sim, host: 127.0.0.1, port: \(port), tls: none } }]
                connections: 2

            """,
            to: "\(house.folder)/channels.yaml"
        )
        return ["BURSAR_NOTICES_CHANNELS": "\(house.folder)/channels.yaml"]
    }

    /// The Message-IDs of what the relay has kept.
    private static func spool(_ house: House) -> [String] {
        files(in: "\(house.folder)/mail/new", ending: ".sim").compactMap { path in
            contents(of: path).split(separator: "\r\n").first { $0.hasPrefix("Message-ID: <") }
                .map { String($0.dropFirst("Message-ID: <".count).dropLast()) }
        }
    }

    private static func compare(_ house: House, _ seed: Comment) async throws {
        let kept = Dictionary(grouping: spool(house)) { $0 }.mapValues(\.count)
        let rows = try await house.query(
            """
            select m.message_id, m.state, m.guarantee, count(a) filter (where a.outcome = 'unknown') as doubts,
                count(a) filter (where a.outcome in ('unknown', 'accepted')) as serious
            from bursar.message m
            left join bursar.message_attempt a on a.tenant_id = m.tenant_id and a.message_id = m.id
            where m.channel = 'email'
            group by m.tenant_id, m.id
            """
        )
        #expect(rows.count == 40, seed)
        var states: [String: Int] = [:]
        var finalDoubts = 0
        for row in rows {
            let (id, state): (String, String) = (try row.get("message_id"), try row.get("state"))
            let (doubts, serious): (Int, Int) = (try row.get("doubts"), try row.get("serious"))
            let copies = kept[id] ?? 0
            states[state, default: 0] += 1
            if state == "accepted" { #expect(doubts == 0 ? copies == 1 : (1...2).contains(copies), "\(row); \(seed)") }
            if try row.get("guarantee") == "at_most_once" {
                if state == "unknown" { finalDoubts += 1 }
                #expect(copies <= 1 && serious <= 1, "a final notice twice: \(id); \(seed)")
            }
            if state == "hard_failed" { #expect(copies == 0, "\(id); \(seed)") }
        }
        print("\(states), \(kept.values.filter { $0 > 1 }.count) reminders twice, as a reader of Message-IDs knows")
        #expect(states.keys.allSatisfy { ["accepted", "hard_failed", "unknown"].contains($0) }, "\(states); \(seed)")
        // Those whose connection was cut are in doubt, and a person hears of them.
        #expect(
            states["unknown", default: 0] >= 2 && (1...2).contains(states["hard_failed"] ?? 0),
            "\(states); \(seed)"
        )
        // Two by the script; and at each of the two kills no more final notices were under way than there are connections.
        #expect(finalDoubts <= 2 + 2 * 2, "\(finalDoubts); \(seed)")
        #expect(
            try await house.list(
                "select key from bursar.alarm where key like 'notices:in_doubt%' and cleared_at is null"
            )
                == ["notices:in_doubt"],
            seed
        )
        // Nothing is lost: each invoice's last word was said, is in doubt, or went on to the operator.
        let ends = try await house.list(
            """
            select n.step || ' ' || n.channel || ' ' || n.state || ' ' || count(*)
            from bursar.notice n
            where n.state <> 'superseded' and n.channel = 'operator'
            group by n.step, n.channel, n.state
            order by 1
            """
        )
        // The final notice that was refused may have been in doubt since a kill; then it is left alone.
        #expect(ends.filter { $0 != "final operator accepted 1" } == ["overdue operator accepted 1"], seed)
        #expect(ends.count == states["hard_failed"], seed)
        let lost: Int = try await house.value(
            """
            select count(*)
            from bursar.receivable r
            where not exists (
                select from bursar.notice n
                where n.tenant_id = r.tenant_id and n.invoice_id = r.invoice_id and n.state in ('accepted', 'unknown')
            )
            """
        )
        #expect(lost == 0, seed)
        #expect(files(in: "\(house.folder)/notices/operator/new", ending: "").count == ends.count, seed)
    }
}
