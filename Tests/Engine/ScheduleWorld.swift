import CivilTime
import Engine
import JobKit
import Logging
import Postgres
import Schedules
import TestSupport
import Testing

/// What tests of schedules do with a database: files put in force, a clock that stands where it is put, looks.
extension EngineWorld {
    var timekeeper: Timekeeper { Timekeeper(database: pool, logger: Logger(label: "test")) }
    var lookout: Lookout { Lookout(database: pool, logger: Logger(label: "test")) }
    var scheduleDesk: ScheduleDesk { ScheduleDesk(database: pool) }
    var book: ScheduleBook { ScheduleBook(database: pool) }

    static func set(_ entries: String) throws -> ScheduleSet {
        try ScheduleSet.read("version: 1\nschedules:\n" + entries, file: "test.yaml")
    }

    /// A schedule of the ledger job, as one line of a file.
    static func entry(_ name: String, _ keys: String) -> String {
        "  \(name): { job: ledger, parameters: { up_to: 1 }, \(keys) }\n"
    }

    /// Puts a file in force at an instant.
    func apply(_ entries: String, at instant: String) async throws {
        try await setTime(instant)
        _ = try await book.apply(try Self.set(entries), by: "operator:test", isDeliberate: true)
    }

    /// Moves business time to an instant, from where it goes on.
    func setTime(_ instant: String) async throws {
        try await database.setUp(
            "update bursar.installation set business_offset = '\(instant)'::timestamptz - clock_timestamp()"
        )
    }

    /// Moves business time to an instant and looks at the schedules, as a process that has just started.
    @discardableResult
    func tick(at instant: String) async throws -> Timekeeper.Tick {
        try await setTime(instant)
        return try await timekeeper.tick()
    }

    /// The fires in order, as `schedule state`.
    func fires() async throws -> [String] {
        try await list("select schedule || ' ' || state from bursar.fire order by fire_at, schedule")
    }

    /// The runs that can still change in order of their fires, as `schedule state`; `held` where one waits.
    func runs() async throws -> [String] {
        try await list(
            """
            select schedule || ' ' || case when run_at = 'infinity' then 'held' else state end
            from bursar.run order by fire_at, schedule
            """
        )
    }

    func raisedAlarms() async throws -> [String] {
        try await list("select key from bursar.alarm where cleared_at is null order by key")
    }

    func list(_ sql: String) async throws -> [String] {
        try await rows(sql).map { try $0.get(0, as: String.self) }
    }

    /// Claims what is ready and ends each as given.
    @discardableResult
    func work(
        _ ending: AttemptEnding = .succeeded("done"),
        as node: String = "worker-\(UInt32.random(in: 0 ... .max))"
    ) async throws -> [ClaimedRun] {
        let claimed = try await claim(as: node)
        for run in claimed { #expect(try await store.end(run, ending)) }
        return claimed
    }
}
