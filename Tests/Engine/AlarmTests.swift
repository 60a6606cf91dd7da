import CivilTime
import Engine
import Postgres
import Testing
import TestSupport

@Suite("Alarms")
struct AlarmTests {
    private func alarm(_ key: String, _ evidence: String = "{}", _ severity: Alarm.Severity = .warning) -> Alarm {
        Alarm(key, severity, evidence: JSONText(evidence))
    }

    @Test("What is new or told otherwise is raised, what no longer holds is cleared, the rest is left alone")
    func changes() {
        let changes = AlarmChanges(
            from: [alarm("a:1"), alarm("a:2"), alarm("a:3"), alarm("a:4")],
            to: [alarm("a:1"), alarm("a:2", "{\"n\": 2}"), alarm("a:4", "{}", .critical), alarm("a:5")]
        )
        #expect(changes.toRaise.map(\.key) == ["a:2", "a:4", "a:5"])
        #expect(changes.toClear == ["a:3"])
        #expect(AlarmChanges(from: [alarm("a:1")], to: [alarm("a:1")]).isEmpty)
    }

    @Test(
        "An alarm is raised once, keeps its since while its evidence changes, and is another one after it was cleared"
    )
    func life() async throws {
        try await EngineWorld.with { world in
            func write(_ body: @Sendable (AlarmBook) async throws -> Void) async throws {
                try await world.pool.withTransaction(TransactionOptions(role: "bursar_engine")) { transaction in
                    try await body(AlarmBook(in: transaction))
                }
            }
            try await write { try await $0.raise([alarm("late:x", "{\"n\": 1}")]) }
            let since = try await world.text("select since::text from bursar.alarm")
            try await write { try await $0.settle(["late"], [alarm("late:x", "{\"n\": 2}")]) }
            #expect(
                try await world.text("select string_agg(since || ' ' || (evidence ->> 'n'), ',') from bursar.alarm")
                    == "\(since ?? "") 2"
            )
            try await write { try await $0.raise([alarm("dead:x")]) }
            try await write { try await $0.settle(["late"], []) }
            #expect(
                try await world.text("select string_agg(key, ',') from bursar.alarm where cleared_at is null")
                    == "dead:x"
            )
            try await write { try await $0.settle(["late"], [alarm("late:x")]) }
            #expect(try await world.text("select count(*)::text from bursar.alarm where key = 'late:x'") == "2")
        }
    }

    @Test("Two nodes that find the same raise one alarm")
    func raisedOnce() async throws {
        try await EngineWorld.with { world in
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 1...8 {
                    group.addTask {
                        try await world.pool.withTransaction(TransactionOptions(role: "bursar_engine")) { transaction in
                            try await AlarmBook(in: transaction).settle(["late"], [alarm("late:x")])
                        }
                    }
                }
            }
            #expect(try await world.text("select count(*)::text from bursar.alarm") == "1")
        }
    }
}
