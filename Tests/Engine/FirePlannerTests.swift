import CivilTime
import Schedules
import Testing

@testable import Engine

@Suite("What due fires come to")
struct FirePlannerTests {
    private func schedule(_ misfire: MisfirePolicy) throws -> Schedule {
        var schedule = Schedule(
            name: "nightly",
            job: "renewals",
            timing: .cron(try Cron(parsing: "5 0 * * *")),
            zone: try Zone(named: "Asia/Phnom_Penh")
        )
        schedule.misfire = misfire
        return schedule
    }

    private func instant(_ text: String) throws -> Instant { try #require(Instant(text)) }

    @Test("A fire that is due now runs, whatever the misfire policy", arguments: MisfirePolicy.Policy.allCases)
    func liveFireRuns(policy: MisfirePolicy.Policy) throws {
        let plan = FirePlanner.plan(
            try schedule(MisfirePolicy(policy: policy)),
            after: try instant("2026-03-01T00:00:00+07:00"),
            now: try instant("2026-03-01T00:05:30+07:00")
        )
        #expect(plan.fires == [FirePlan.Fire(at: try instant("2026-03-01T00:05:00+07:00"), verdict: .ran)])
        #expect(plan.gap == nil)
        #expect(plan.highWater == (try instant("2026-03-01T00:05:00+07:00")))
    }

    @Test("Nothing is due before the next fire")
    func nothingDue() throws {
        let before = try instant("2026-03-01T00:05:00+07:00")
        let plan = FirePlanner.plan(try schedule(MisfirePolicy()), after: before, now: before.adding(.seconds(3600)))
        #expect(plan == FirePlan(highWater: before))
    }

    @Test(
        "Of five missed nights the policy catches up what it says, and counts the rest in one gap",
        arguments: [
            (MisfirePolicy(policy: .skip, within: .seconds(864_000), limit: 100), 0, 5),
            (MisfirePolicy(policy: .once, within: .seconds(864_000), limit: 100), 1, 4),
            (MisfirePolicy(policy: .each, within: .seconds(864_000), limit: 100), 5, 0),
            (MisfirePolicy(policy: .each, within: .seconds(864_000), limit: 3), 3, 2),
            (MisfirePolicy(policy: .each, within: .seconds(2 * 86_400), limit: 100), 2, 3),
            (MisfirePolicy(policy: .last, within: .seconds(864_000)), 1, 4),
            (MisfirePolicy(policy: .last, within: .seconds(864_000), limit: 2), 2, 3),
            (MisfirePolicy(policy: .last, within: .seconds(3_600), limit: 5), 0, 5),
            (MisfirePolicy(policy: .once, within: .seconds(2 * 86_400), limit: 1), 1, 4),
            (MisfirePolicy(policy: .once, within: .seconds(864_000), limit: 3), 1, 4),
        ]
    )
    func catchesUp(misfire: MisfirePolicy, runs: Int, lost: Int) throws {
        let plan = FirePlanner.plan(
            try schedule(misfire),
            after: try instant("2026-03-01T00:05:00+07:00"),
            now: try instant("2026-03-06T09:00:00+07:00")
        )
        #expect(plan.fires.count == runs)
        #expect(plan.fires.map(\.at) == plan.fires.map(\.at).sorted())
        #expect(plan.fires.allSatisfy { $0.verdict == .ran })
        #expect((plan.gap?.count ?? 0) == lost)
        #expect(plan.highWater == (try instant("2026-03-06T00:05:00+07:00")))
    }

    @Test(
        "once stands as the first missed fire, last as the last",
        arguments: [(MisfirePolicy.Policy.once, 2), (.last, 6)]
    )
    func whichFireStands(policy: MisfirePolicy.Policy, day: Int) throws {
        let plan = FirePlanner.plan(
            try schedule(MisfirePolicy(policy: policy, within: .seconds(864_000))),
            after: try instant("2026-03-01T00:05:00+07:00"),
            now: try instant("2026-03-06T09:00:00+07:00")
        )
        #expect(plan.fires.map(\.at) == [try instant("2026-03-0\(day)T00:05:00+07:00")])
    }

    @Test("Missed fires under ask wait for an operator: the newest up to the limit, the rest in the gap")
    func asks() throws {
        let plan = FirePlanner.plan(
            try schedule(MisfirePolicy(policy: .ask, within: .seconds(864_000), limit: 2)),
            after: try instant("2026-03-01T00:05:00+07:00"),
            now: try instant("2026-03-06T09:00:00+07:00")
        )
        #expect(plan.fires.map(\.verdict) == [.asked, .asked])
        #expect(
            plan.fires.map(\.at) == [
                try instant("2026-03-05T00:05:00+07:00"), try instant("2026-03-06T00:05:00+07:00"),
            ]
        )
        #expect(
            plan.gap
                == FirePlan.Gap(
                    from: try instant("2026-03-02T00:05:00+07:00"),
                    to: try instant("2026-03-04T00:05:00+07:00"),
                    count: 3
                )
        )
    }

    @Test(
        "Where more are missed than the limit allows, each and last keep the newest",
        arguments: [MisfirePolicy.Policy.each, .last]
    )
    func keepsNewest(policy: MisfirePolicy.Policy) throws {
        let plan = FirePlanner.plan(
            try schedule(MisfirePolicy(policy: policy, within: .seconds(864_000), limit: 2)),
            after: try instant("2026-03-01T00:05:00+07:00"),
            now: try instant("2026-03-06T09:00:00+07:00")
        )
        #expect(
            plan.fires.map(\.at) == [
                try instant("2026-03-05T00:05:00+07:00"), try instant("2026-03-06T00:05:00+07:00"),
            ]
        )
    }

    @Test("once stands as the first missed fire inside the window")
    func onceInsideTheWindow() throws {
        let plan = FirePlanner.plan(
            try schedule(MisfirePolicy(policy: .once, within: .seconds(3 * 86_400))),
            after: try instant("2026-03-01T00:05:00+07:00"),
            now: try instant("2026-03-06T09:00:00+07:00")
        )
        #expect(plan.fires.map(\.at) == [try instant("2026-03-04T00:05:00+07:00")])
        #expect(plan.gap?.count == 4)
    }

    @Test(
        "Caught-up fires run one after another, oldest first, whatever overlap says",
        arguments: OverlapPolicy.allCases
    )
    func caughtUpInSequence(overlap: OverlapPolicy) throws {
        var schedule = try schedule(MisfirePolicy(policy: .each, within: .seconds(864_000)))
        schedule.overlap = overlap
        let plan = FirePlanner.plan(
            schedule,
            after: try instant("2026-03-01T00:05:00+07:00"),
            now: try instant("2026-03-04T09:00:00+07:00")
        )
        #expect(plan.fires.map(\.verdict) == [.ran, .ran, .ran])
        #expect(plan.fires.allSatisfy { $0.isCaughtUp && $0.isInSequence })
        #expect(plan.fires.map(\.waits) == [false, true, true])
        #expect(!plan.cancelsEarlier)
    }

    @Test(
        "overlap judges a live fire by the runs that are not done",
        arguments: [
            (OverlapPolicy.forbid, 0, FirePlan.Verdict.ran, false), (.forbid, 1, .skipped, false),
            (.queue, 0, .ran, false), (.queue, 2, .ran, true), (.allow, 3, .ran, false),
            (.cancelRunning, 0, .ran, false), (.cancelRunning, 1, .ran, true),
        ]
    )
    func overlap(overlap: OverlapPolicy, live: Int, verdict: FirePlan.Verdict, waits: Bool) throws {
        var schedule = try schedule(MisfirePolicy())
        schedule.overlap = overlap
        let plan = FirePlanner.plan(
            schedule,
            after: try instant("2026-03-01T00:00:00+07:00"),
            now: try instant("2026-03-01T00:05:01+07:00"),
            live: LiveRuns(count: live)
        )
        #expect(plan.fires.map(\.verdict) == [verdict])
        #expect(plan.fires.map(\.waits) == [waits])
        #expect(plan.cancelsEarlier == (overlap == .cancelRunning))
    }

    @Test(
        "Of live fires that come together forbid runs the first, cancel_running the last, queue and allow all",
        arguments: [
            (OverlapPolicy.forbid, ["ran", "skipped", "skipped"]), (.cancelRunning, ["skipped", "skipped", "ran"]),
            (.queue, ["ran", "ran", "ran"]), (.allow, ["ran", "ran", "ran"]),
        ]
    )
    func together(overlap: OverlapPolicy, verdicts: [String]) throws {
        var schedule = try schedule(MisfirePolicy())
        schedule.timing = .every(.seconds(10))
        schedule.overlap = overlap
        let start = try instant("2026-03-01T00:00:00Z")
        let plan = FirePlanner.plan(schedule, after: start, now: start.adding(.seconds(30)))
        #expect(plan.fires.map(\.verdict.rawValue) == verdicts)
        #expect(plan.fires.map(\.waits) == (overlap == .queue ? [false, true, true] : [false, false, false]))
    }

    @Test("Under forbid a caught-up run of the same moment counts, and the live fire is skipped")
    func caughtUpCounts() throws {
        var schedule = try schedule(MisfirePolicy(policy: .once, within: .seconds(864_000)))
        schedule.overlap = .forbid
        let plan = FirePlanner.plan(
            schedule,
            after: try instant("2026-03-01T00:05:00+07:00"),
            now: try instant("2026-03-04T00:05:10+07:00")
        )
        #expect(plan.fires.map(\.verdict) == [.ran, .skipped])
        #expect(plan.fires.map(\.isCaughtUp) == [true, false])
    }

    @Test("A year of missed seconds is counted without being walked through")
    func longOutage() throws {
        var schedule = try schedule(MisfirePolicy(policy: .each, within: .seconds(400 * 86_400), limit: 10_000))
        schedule.timing = .every(.seconds(1))
        let start = try instant("2026-01-01T00:00:00Z")
        let now = start.adding(.seconds(366 * 86_400))
        let plan = FirePlanner.plan(schedule, after: start, now: now)
        #expect(plan.fires.count { $0.isCaughtUp } == 10_000)
        #expect(plan.fires.count + (plan.gap?.count ?? 0) == 366 * 86_400)
        #expect(plan.highWater == now)
    }
}
