import Glibc
import TestSupport
import Testing

@Suite("How soon schedules are worked", .enabled(if: getenv("BURSAR_TIMED") != nil))
struct ScheduleTimedTests {
    @Test(
        "Two hundred schedules that are due at one instant have their fires, and their runs begin, within half a second of it"
    )
    func manyAtOnce() async throws {
        try await House.with(Portfolio.empty) { house in
            house.schedules("{}")
            let daemon = try house.daemon("a")
            try await daemon.ready()
            // A neighbour of the machine may have the processors for a while: the best of three says what the daemon does.
            var tries: [Double] = []
            while tries.count < 3, tries.min() ?? 1 >= 0.5 { tries.append(try await manyAtOnce(tries.count, house)) }
            #expect(tries.min() ?? 1 < 0.5, "the last began so many seconds after it was due: \(tries)")
        }
    }

    /// Lets two hundred schedules come due at one instant, and answers how long after it the last of their runs began.
    private func manyAtOnce(_ number: Int, _ house: House) async throws -> Double {
        let due: String = try await house.value(
            "select to_char((bursar.business_now() + interval '6 seconds') at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SSZ')"
        )
        house.schedules(
            "\n"
                + (1...200).map { "  t\(number)s\($0): { job: trial, once: \(due), enabled: true }\n" }.joined()
        )
        let reload = try await house.bursar("reload")
        #expect(reload.status == 0, "\(reload)")
        let ours = "schedule like 't\(number)s%'"
        try await waitUntil("they have fired") {
            try await house.value("select count(*) from bursar.fire where \(ours)", as: Int.self) == 200
        }
        try await waitUntil("they have run") {
            try await house.value("select count(*) from bursar.run_history where \(ours)", as: Int.self) == 200
        }
        let made: Double = try await house.value(
            "select extract(epoch from max(made_at + business_offset - fire_at))::float8 from bursar.fire, bursar.installation where \(ours)"
        )
        let begun: Double = try await house.value(
            "select extract(epoch from max(started_at + business_offset - fire_at))::float8 from bursar.run_history, bursar.installation where \(ours)"
        )
        print("200 at once: all were made within \(made) s, and began within \(begun) s")
        let together: Int = try await house.value("select count(distinct xmin::text) from bursar.fire where \(ours)")
        #expect(together == 1)
        return max(made, begun)
    }
}
