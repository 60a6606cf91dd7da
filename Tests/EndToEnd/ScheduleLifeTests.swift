import Foundation
import Glibc
import TestSupport
import Testing

@Suite("Schedules of running daemons, as an operator works with them")
struct ScheduleLifeTests {
    private static let daily = """

          nightly:
            job: scanner
            cron: "0 20 * * *"
            time_zone: Asia/Phnom_Penh
        """
    private static let earlier = daily.replacing("0 20", with: "0 9")

    private struct Plan: Decodable {
        let proposal: Int64?
        let changes: [Change]

        struct Change: Decodable {
            let schedule: String
            let change: String
            let fields: [Field]
            let next: [Moment]
        }
        struct Field: Decodable {
            let field: String
            let was: String?
            let becomes: String?
        }
        struct Moment: Decodable {
            let utc: String
            let local: String
        }
    }

    private func plan(_ house: House) async throws -> Plan {
        let planned = try await house.bursar("plan", "--json")
        try #require(planned.status == 0, "\(planned)")
        return try JSONDecoder().decode(Plan.self, from: Data(planned.output.utf8))
    }

    private func inForce(_ house: House) async throws -> String {
        try await house.value(
            "select string_agg(definition ->> 'cron', ',') from bursar.schedule where removed_at is null"
        )
    }

    @Test(
        "A plan shows the edit and changes nothing; an apply does just that, and is refused when files or database have moved"
    )
    func planAndApply() async throws {
        try await House.with(Portfolio.empty) { house in
            house.schedules(Self.daily)
            let daemon = try house.daemon("a")
            try await daemon.ready()
            let nothing = try await house.bursar("plan")
            #expect(nothing.status == 0 && nothing.output.contains("nothing would change"), "\(nothing)")

            house.schedules(Self.earlier)
            let first = try await plan(house)
            let change = try #require(first.changes.first)
            #expect(change.change == "changed" && change.fields.map(\.field) == ["cron"])
            #expect(change.fields[0].was == "0 20 * * *" && change.fields[0].becomes == "0 9 * * *")
            #expect(change.next.count == 5 && change.next[0].local.hasSuffix("T09:00:00+07:00"))
            #expect(change.next[0].utc.hasSuffix("T02:00:00Z"))
            #expect(try await inForce(house) == "0 20 * * *")
            let told = try await house.bursar("plan")
            #expect(told.output.contains("~ nightly") && told.output.contains("bursar apply"), "\(told)")
            let superseded = try await house.bursar("apply", "\(first.proposal ?? 0)")
            #expect(superseded.status == 65 && superseded.errors.contains("superseded by a newer one"), "\(superseded)")

            let second = try #require(try await plan(house).proposal)
            house.schedules(Self.daily.replacing("0 20", with: "0 21"))
            let filesMoved = try await house.bursar("apply", "\(second)")
            #expect(filesMoved.status == 75 && filesMoved.errors.contains("no longer those"), "\(filesMoved)")
            #expect(try await house.bursar("reload").status == 0)
            house.schedules(Self.earlier)
            let databaseMoved = try await house.bursar("apply", "\(second)")
            #expect(
                databaseMoved.status == 75 && databaseMoved.errors.contains("came into force since"),
                "\(databaseMoved)"
            )
            #expect(try await inForce(house) == "0 21 * * *")

            let third = try #require(try await plan(house).proposal)
            let applied = try await house.bursar("apply", "\(third)", "--json")
            #expect(applied.status == 0 && applied.output.contains(#""verdict":"in force""#), "\(applied)")
            #expect(try await inForce(house) == "0 9 * * *")
            let twice = try await house.bursar("apply", "\(third)")
            #expect(twice.status == 65 && twice.errors.contains("is applied already"), "\(twice)")
            #expect(
                try await house.value(
                    "select count(*) from bursar.audit_entry where action = 'schedules.applied' and object = 'proposal:\(third)' and actor like 'operator:%'",
                    as: Int.self
                ) == 1
            )

            // An older set returns by no reload, and by an apply.
            house.schedules(Self.daily)
            #expect(try await house.bursar("reload").status == 75)
            #expect(await daemon.readiness() == 503)
            let back = try await house.bursar("apply")
            #expect(back.status == 0, "\(back)")
            #expect(try await inForce(house) == "0 20 * * *")
            #expect(await daemon.readiness() == 200)

            house.schedules(Self.daily.replacing("time_zone", with: "time-zone"))
            let wrong = try await house.bursar("plan")
            #expect(wrong.status == 65 && wrong.errors.contains("test.yaml:6:"), "\(wrong)")
        }
    }

    @Test("A paused schedule fires on no node until it is resumed, and what was due meanwhile is nobody's")
    func pause() async throws {
        try await House.with(Portfolio.empty) { house in
            house.schedules(
                """

                  tick:
                    job: scanner
                    every: 1s
                    overlap: allow
                    misfire: { policy: each }
                """
            )
            let nodes = [try house.daemon("a"), try house.daemon("b")]
            for node in nodes { try await node.ready() }
            try await waitUntil("it has fired") {
                try await house.value("select count(*) from bursar.fire", as: Int.self) > 1
            }
            let unreasoned = try await house.bursar("schedules", "pause", "tick")
            #expect(unreasoned.status == 64, "\(unreasoned)")
            let paused = try await house.bursar("schedules", "pause", "tick", "--reason", "the bank is closed")
            #expect(paused.status == 0, "\(paused)")
            let again = try await house.bursar("schedules", "pause", "tick", "--reason", "x", node: "b")
            #expect(again.status == 65 && again.errors.contains("is paused already, by operator:"), "\(again)")
            let status = try await house.bursar("status")
            #expect(status.output.contains("paused for: the bank is closed"), "\(status)")
            // Two fires' time, by the server's clock.
            try await house.query("select pg_sleep(2.5)")
            let resumed = try await house.bursar("schedules", "resume", "tick")
            #expect(resumed.status == 0, "\(resumed)")
            try await waitUntil("it fires again") {
                try await house.value(
                    "select count(*) from bursar.fire f, bursar.schedule s where f.fire_at > s.counted_from",
                    as: Int.self
                ) > 1
            }
            let meanwhile: Int = try await house.value(
                """
                select count(*) from bursar.fire f, bursar.schedule s, bursar.audit_entry a
                where a.action = 'schedule.paused' and f.fire_at > a.at + interval '0.1 seconds' and f.fire_at <= s.counted_from
                """
            )
            #expect(meanwhile == 0)
            #expect(try await house.value("select count(*) from bursar.fire_gap", as: Int.self) == 0)
            #expect(
                try await house.list("select action from bursar.audit_entry where object like 'schedule:%' order by id")
                    == ["schedule.paused", "schedule.resumed"]
            )
        }
    }

    @Test("Nodes with other files than those in force show it, and it is an alarm when that lasts")
    func drift() async throws {
        try await House.with(Portfolio.empty) { house in
            house.schedules(Self.daily)
            let other = "\(house.folder)/other"
            mkdir(other, 0o755)
            write("version: 1\nschedules: \(Self.daily)\n", to: "\(other)/test.yaml")
            let first = try house.daemon("a")
            let second = try house.daemon("b", settings: ["BURSAR_SCHEDULES": other])
            try await first.ready()
            try await second.ready()
            #expect(try await standing(house) == ["a in force", "b in force"])

            write("version: 1\nschedules: \(Self.earlier)\n", to: "\(other)/test.yaml")
            #expect(try await house.bursar("reload", node: "b").status == 0)
            #expect(try await standing(house) == ["a other", "b in force"])
            let status = try await house.bursar("status")
            #expect(status.output.contains("schedule files: other"), "\(status)")
            #expect(try await house.bursar("alarms", "--json").output == "[]\n")

            try await house.query("update bursar.node set schedule_set_at = schedule_set_at - interval '10 minutes'")
            try await house.query("update bursar.schedule_set set applied_at = applied_at - interval '10 minutes'")
            try await waitUntil("the drift is an alarm") {
                try await house.bursar("alarms").output.contains("drift:schedule_files")
            }

            house.schedules(Self.daily.replacing("time_zone", with: "time-zone"))
            #expect(try await house.bursar("reload").status == 65)
            #expect(try await standing(house) == ["a unreadable", "b in force"])

            house.schedules(Self.earlier)
            #expect(try await house.bursar("reload").status == 0)
            #expect(try await standing(house) == ["a in force", "b in force"])
            try await waitUntil("the alarm has cleared") { try await house.bursar("alarms").output == "none\n" }
        }
    }

    private struct Status: Decodable {
        let engine: Engine

        struct Engine: Decodable { let nodes: [Node] }
        struct Node: Decodable {
            let host: String
            let schedule_files: String
        }
    }

    private func standing(_ house: House) async throws -> [String] {
        let status = try await house.bursar("status", "--json")
        return try JSONDecoder().decode(Status.self, from: Data(status.output.utf8)).engine.nodes
            .map { "\($0.host) \($0.schedule_files)" }.sorted()
    }

    @Test("Missed fires under ask are listed, and run or let go by an operator's word")
    func asked() async throws {
        try await House.with(Portfolio.empty) { house in
            house.schedules(
                """

                  hourly:
                    job: scanner
                    every: 1h
                    misfire: { policy: ask, within: 1d }
                """
            )
            let first = try house.daemon("a")
            try await first.ready()
            first.process.signal(SIGTERM)
            #expect(try await first.process.end() == .exited(0))
            try await house.query(
                "update bursar.installation set business_offset = business_offset + interval '3 hours'"
            )
            let second = try house.daemon("a")
            try await second.ready()
            try await waitUntil("the fires wait") {
                try await house.value("select count(*) from bursar.fire where state = 'asked'", as: Int.self) >= 2
            }
            let fires = try await house.list(
                "select to_char(fire_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SSZ') from bursar.fire where state = 'asked' order by fire_at"
            )
            let listed = try await house.bursar("schedules", "asked")
            #expect(listed.status == 0 && listed.output.contains("hourly"), "\(listed)")
            try await waitUntil("an alarm says so") { try await house.bursar("alarms").output.contains("asked:hourly") }

            let neither = try await house.bursar("schedules", "answer", "hourly", "--all", "--reason", "x")
            #expect(neither.status == 64, "\(neither)")
            let gone = try await house.bursar(
                "schedules",
                "answer",
                "hourly",
                "--fire",
                fires[0],
                "--let-go",
                "--reason",
                "too old"
            )
            #expect(gone.status == 0, "\(gone)")
            let run = try await house.bursar("schedules", "answer", "hourly", "--all", "--run", "--reason", "needed")
            #expect(run.status == 0, "\(run)")
            try await waitUntil("they have run") {
                try await house.value(
                    "select count(*) from bursar.run_history where schedule = 'hourly' and state = 'succeeded'",
                    as: Int.self
                )
                    >= fires.count - 1
            }
            let late = try await house.bursar("schedules", "answer", "hourly", "--all", "--run", "--reason", "needed")
            #expect(late.status == 65 && late.errors.contains("no such fire of hourly waits"), "\(late)")
            try await waitUntil("the alarm has cleared") {
                try await !house.bursar("alarms").output.contains("asked:hourly")
            }
        }
    }

    @Test(
        "A node that has nothing to do costs the database at most three transactions a second, however many schedules there are"
    )
    func idle() async throws {
        try await House.with(Portfolio.empty) { house in
            house.schedules(
                "\n" + (1...200).map { "  s\($0): { job: scanner, cron: \"0 4 1 1 *\", time_zone: UTC }\n" }.joined()
            )
            // The lease that ships.
            let proxy = try PostgresProxy(house, Trap())
            defer { proxy.stop() }
            let daemon = try house.daemon("a", url: proxy.url(house), settings: ["BURSAR_NODE_LEASE": "30s"])
            try await daemon.ready()
            try await house.query("select pg_sleep(2)")
            // Counted on the way: the server's own numbers have those of autovacuum in them.
            let before = proxy.ended
            try await house.query("select pg_sleep(10)")
            let perSecond = Double(proxy.ended - before) / 10
            print("idle: \(perSecond) transactions a second")
            #expect(perSecond <= 3, "\(perSecond) transactions a second")
        }
    }
}

extension PostgresProxy {
    /// How many transactions came through to their end.
    fileprivate var ended: Int { bindCount("postgres.commit") + bindCount("postgres.rollback") }
}
