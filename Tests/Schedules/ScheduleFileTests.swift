import CivilTime
import Schedules
import Testing

@Suite("Schedule files")
struct ScheduleFileTests {
    @Test("Every key of an entry is read")
    func everyKey() throws {
        let set = try ScheduleFileSupport.read(
            """
            version: 1
            schedules:
              nightly:
                job: renewals
                description: Issue what is due
                owner: billing@example.com
                cron: 5 0 * * MON-FRI
                time_zone: Europe/Berlin
                dst: { missing: skip, repeated: both }
                misfire: { policy: each, within: 400d, limit: 7 }
                overlap: cancel_running
                start_within: 1h30m
                deadline: 2h
                jitter: 45s
                retry: { attempts: 3, initial: 10s, max: 5m, jitter: 0.5 }
                enabled: false
                environments: [staging, production]
                parameters: { tenants: [3, 1], label: "no", pause: 90m, chunk: 250 }
            """
        )
        let schedule = try #require(set["nightly"])
        #expect(schedule.job == "renewals")
        #expect(schedule.description == "Issue what is due")
        #expect(schedule.owner == "billing@example.com")
        #expect(try schedule.timing == .cron(Cron(parsing: "5 0 * * MON-FRI")))
        #expect(schedule.timeZone == "Europe/Berlin")
        #expect(schedule.dst == DSTPolicy(missing: .skip, repeated: .both))
        #expect(schedule.misfire == MisfirePolicy(policy: .each, within: .seconds(400 * 86_400), limit: 7))
        #expect(schedule.overlap == .cancelRunning)
        #expect(schedule.startWithin == .seconds(5_400))
        #expect(schedule.deadline == .seconds(7_200))
        #expect(schedule.jitter == .seconds(45))
        #expect(schedule.retry == RetryRule(attempts: 3, initial: .seconds(10), max: .seconds(300), jitter: 0.5))
        #expect(!schedule.isEnabled)
        #expect(schedule.environments == [.staging, .production])
        #expect(schedule.parametersJSON == #"{"chunk":250,"label":"no","pause":"1h30m","tenants":[3,1]}"#)
        #expect(schedule.position == SourcePosition(file: "billing.yaml", line: 3, column: 3))
    }

    @Test("What is left out takes the documented default")
    func defaults() throws {
        let schedule = try #require(try ScheduleFileSupport.read(ScheduleFileSupport.file())["renewals"])
        #expect(schedule.description == nil && schedule.owner == nil && schedule.dst == nil)
        #expect(schedule.misfire == MisfirePolicy(policy: .once, within: .seconds(86_400), limit: 100))
        #expect(schedule.overlap == .forbid)
        #expect(schedule.startWithin == .seconds(1_800) && schedule.deadline == .seconds(3_600))
        #expect(schedule.jitter == .zero)
        #expect(schedule.retry == RetryRule(attempts: 8, initial: .seconds(30), max: .seconds(3_600), jitter: 0.2))
        #expect(schedule.isEnabled && schedule.environments == Set(ScheduleEnvironment.allCases))
        #expect(schedule.parametersJSON == "{}")
        #expect(schedule.isActive(in: .production))
    }

    @Test("A file holds many schedules, and they come sorted by name")
    func many() throws {
        let set = try ScheduleSet.read(
            """
            version: 1
            schedules:
              b: { job: any, every: 15m }
              a: { job: any, once: "2026-01-31T08:00:00+07:00" }
            """,
            file: "f.yaml"
        )
        #expect(set.schedules.map(\.name) == ["a", "b"])
        #expect(set.schedules.map(\.timeZone) == ["UTC", "UTC"])
    }

    @Test("A file may say in so many words that it has no schedules")
    func none() throws {
        #expect(try ScheduleFileSupport.read("version: 1\nschedules: {}\n").schedules.isEmpty)
    }

    @Test(
        "Durations are read strictly and printed in the fewest units",
        arguments: [
            ("0s", 0, "0s"), ("30s", 30, "30s"), ("15m", 900, "15m"), ("2h", 7_200, "2h"), ("90m", 5_400, "1h30m"),
            ("400d", 34_560_000, "400d"), ("1d2h3m4s", 93_784, "1d2h3m4s"), ("3600s", 3_600, "1h"),
        ]
    )
    func durations(text: String, seconds: Int, printed: String) throws {
        let duration = try Duration(scheduleText: text)
        #expect(duration == .seconds(seconds))
        #expect(duration.scheduleText == printed)
    }

    @Test(
        "Texts that are not durations are refused",
        arguments: [
            "", "5", "s", "1.5h", "-1h", "1h1h", "30m1h", "1 h", "1w", "1H", "h1", "99999999999d", "36501d", "٣s",
        ]
    )
    func badDurations(text: String) {
        #expect(throws: Duration.TextProblem.self) { try Duration(scheduleText: text) }
    }
}

@Suite("When a schedule fires")
struct ScheduleFireTests {
    private let support = ScheduleFileSupport.self

    @Test("A cron expression fires by its zone's clock")
    func cron() throws {
        let schedule = try #require(try support.read(support.file())["renewals"])
        let fires = schedule.fires(after: support.instant("2026-01-31T00:00:00Z"), count: 2)
        #expect(fires.map(\.description) == ["2026-01-31T17:05:00Z", "2026-02-01T17:05:00Z"])
    }

    @Test(
        "An interval counts from 1970, on both sides of it, and never fires at the instant itself",
        arguments: [
            ("2026-01-31T00:07:00Z", "2026-01-31T00:15:00Z"), ("2026-01-31T00:15:00Z", "2026-01-31T00:30:00Z"),
            ("2026-01-31T00:14:59.999999Z", "2026-01-31T00:15:00Z"), ("1969-12-31T23:50:00Z", "1970-01-01T00:00:00Z"),
        ]
    )
    func every(after: String, next: String) throws {
        let schedule = Schedule(name: "a", job: "b", timing: .every(.seconds(900)), zone: .utc)
        #expect(schedule.nextFire(after: support.instant(after))?.description == next)
    }

    @Test("A single instant fires once and then never again")
    func once() throws {
        let at = support.instant("2026-01-31T08:00:00+07:00")
        let schedule = Schedule(name: "a", job: "b", timing: .once(at), zone: .utc)
        #expect(schedule.fires(after: .epoch, count: 3) == [at])
        #expect(schedule.nextFire(after: at) == nil)
    }

    @Test("At the end of time there is no next fire instead of a trap")
    func endOfTime() {
        let schedule = Schedule(name: "a", job: "b", timing: .every(.seconds(900)), zone: .utc)
        #expect(schedule.nextFire(after: Instant(microsecondsSinceEpoch: .max)) == nil)
    }
}
