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
            (MisfirePolicy(policy: .last, within: .seconds(864_000), limit: 100), 1, 4),
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
            try schedule(MisfirePolicy(policy: policy, within: .seconds(864_000), limit: 100)),
            after: try instant("2026-03-01T00:05:00+07:00"),
            now: try instant("2026-03-06T09:00:00+07:00")
        )
        #expect(plan.fires.map(\.at) == [try instant("2026-03-0\(day)T00:05:00+07:00")])
    }

    @Test("A missed fire under ask waits for an operator")
    func asks() throws {
        let plan = FirePlanner.plan(
            try schedule(MisfirePolicy(policy: .ask, within: .seconds(864_000), limit: 1)),
            after: try instant("2026-03-01T00:05:00+07:00"),
            now: try instant("2026-03-02T09:00:00+07:00")
        )
        #expect(plan.fires.map(\.verdict) == [.asked])
    }
}
