import Glibc
import Outbound
import TestSupport
import Testing

@Suite("Schedule files of a daemon")
struct ScheduleInputTests {
    private static let daily = """

          tick:
            job: renewals
            cron: "5 0 * * *"
            time_zone: Asia/Phnom_Penh
        """
    private static let wrong = """

          tick:
            job: renewals
            cron: "5 0 * * *"
            time-zone: Asia/Phnom_Penh
        """

    @Test("An error is told with file, line and column, by check and by reload, and the old set stays in force")
    func errorChangesNothing() async throws {
        try await House.with(Portfolio.empty) { house in
            house.schedules(Self.daily)
            let daemon = try house.daemon("a")
            try await daemon.ready()
            let before = try await inForce(house)
            #expect(before.count == 1)

            house.schedules(Self.wrong)
            let check = try await house.bursar("check")
            #expect(check.status == 65, "\(check)")
            #expect(check.errors.contains(/schedules\/test\.yaml:6:\d+: .*time-zone.*time_zone/), "\(check)")
            let reload = try await house.bursar("reload")
            #expect(reload.status == 65, "\(reload)")
            #expect(reload.errors.contains("test.yaml:6:"), "\(reload)")
            #expect(try await inForce(house) == before)
            #expect(await daemon.readiness() == 503)
            #expect(try await daemon.text("/readyz?verbose").contains("[-]schedules failed"))
            #expect(try await daemon.text("/status").contains("test.yaml:6:"))

            daemon.process.signal(SIGHUP)
            try await waitUntil("the daemon has read its files again") {
                daemon.process.said.contains("the schedule files here are not in force")
            }
            #expect(try await inForce(house) == before)

            house.schedules(Self.daily.replacing("5 0", with: "6 0"))
            let mended = try await house.bursar("reload")
            #expect(mended.status == 0, "\(mended)")
            #expect(await daemon.readiness() == 200)
            #expect(try await inForce(house) != before)
        }
    }

    @Test("A daemon that starts with a wrong file serves with the set that was in force, and says so")
    func startWithError() async throws {
        try await House.with(Portfolio.empty) { house in
            house.schedules(Self.daily)
            let first = try house.daemon("a")
            try await first.ready()
            first.process.signal(SIGTERM)
            #expect(try await first.process.end() == .exited(0))
            let before = try await inForce(house)

            house.schedules(Self.wrong)
            let second = try house.daemon("b")
            try await waitUntil("it claims") {
                (try? await second.text("/readyz?verbose"))?.contains("[+]claims ok") ?? false
            }
            #expect(await second.readiness() == 503)
            #expect(try await second.text("/status").contains("test.yaml:6:"))
            #expect(try await inForce(house) == before)
        }
    }

    @Test("A set that was in force once does not come back by a reload: an old copy on one node undoes nothing")
    func olderSet() async throws {
        try await House.with(Portfolio.empty) { house in
            house.schedules(Self.daily)
            let daemon = try house.daemon("a")
            try await daemon.ready()
            house.schedules(Self.daily.replacing("5 0", with: "6 0"))
            #expect(try await house.bursar("reload").status == 0)
            let newer = try await inForce(house)
            house.schedules(Self.daily)
            let back = try await house.bursar("reload")
            #expect(back.status == 75, "\(back)")
            #expect(back.errors.contains("in force once"), "\(back)")
            #expect(try await inForce(house) == newer)
        }
    }

    private func inForce(_ house: House) async throws -> [String] {
        try await house.list(
            "select name || definition::text from bursar.schedule where removed_at is null order by name"
        )
    }
}
