import CivilTime
import Foundation
import Schedules
import Testing

@testable import Engine

@Suite("What due fires come to, for any schedule")
struct FirePlannerPropertyTests {
    @Test("Every due instant is exactly one of ran, skipped, asked, or missed in a gap, through any number of outages")
    func everyInstantIsAnsweredOnce() throws {
        let seed =
            ProcessInfo.processInfo.environment["BURSAR_TEST_SEED"].flatMap(UInt64.init) ?? .random(in: 0...999_999)
        print("BURSAR_TEST_SEED=\(seed) (fires)")
        var random = Generator(state: seed)
        for round in 0..<400 {
            let schedule = try Self.schedule(&random)
            let start = Instant(secondsSinceEpoch: 1_770_000_000 + Int.random(in: 0..<40_000_000, using: &random))
            let problem = Self.problem(of: schedule, from: start, &random)
            #expect(
                problem == nil,
                "seed \(seed), round \(round): \(problem ?? "") for \(schedule.definitionJSON) from \(start)"
            )
        }
    }

    /// Looks again and again, sometimes after an outage, and compares the answers with all due instants.
    private static func problem(of schedule: Schedule, from start: Instant, _ random: inout Generator) -> String? {
        var answered: [Instant: String] = [:]
        var gaps: [FirePlan.Gap] = []
        var (now, highWater) = (start, start)
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let pause =
                Bool.random(using: &random)
                ? Int.random(in: 1...120, using: &random) : Int.random(in: 120...200_000, using: &random)
            now = now.adding(.seconds(pause))
            let live = LiveRuns(count: Int.random(in: 0...2, using: &random))
            let plan = FirePlanner.plan(schedule, after: highWater, now: now, live: live)
            for fire in plan.fires {
                if answered.updateValue(fire.verdict.rawValue, forKey: fire.at) != nil {
                    return "\(fire.at) was answered twice"
                }
                if fire.waits, !fire.isInSequence { return "\(fire.at) waits for no turn" }
            }
            if plan.fires.map(\.at) != plan.fires.map(\.at).sorted() { return "not in order" }
            let caughtUp = plan.fires.count { $0.isCaughtUp }
            if caughtUp > (schedule.misfire.policy == .once ? 1 : schedule.misfire.limit) {
                return "\(caughtUp) were caught up"
            }
            if let gap = plan.gap { gaps.append(gap) }
            if plan.highWater < highWater { return "the high-water mark fell" }
            highWater = plan.highWater
        }
        return compare(schedule.fires(after: start, upTo: now, most: .max), answered, gaps)
    }

    private static func compare(_ due: [Instant], _ answered: [Instant: String], _ gaps: [FirePlan.Gap]) -> String? {
        let missed = due.filter { answered[$0] == nil }
        if let lost = missed.first(where: { fire in !gaps.contains { $0.from <= fire && fire <= $0.to } }) {
            return "\(lost) has no answer"
        }
        if Set(answered.keys).subtracting(due).first != nil { return "a fire that was never due" }
        let counted = gaps.map(\.count).reduce(0, +)
        return counted == missed.count ? nil : "\(missed.count) were missed, the gaps count \(counted)"
    }

    private static func schedule(_ random: inout Generator) throws -> Schedule {
        let zone = try Zone(
            named: ["UTC", "Asia/Phnom_Penh", "Europe/Berlin", "America/New_York"].randomElement(using: &random)
                ?? "UTC"
        )
        let timing: ScheduleTiming =
            switch Int.random(in: 0...5, using: &random) {
            case 0: .every(.seconds(Int.random(in: 1...5_000, using: &random)))
            case 1: .cron(try Cron(parsing: "30 2 * * *"))
            case 2: .cron(try Cron(parsing: "*/7 * * * *"))
            case 3: .cron(try Cron(parsing: "0 9 L * *"))
            case 4: .cron(try Cron(parsing: "15 */3 * * 1-5"))
            default: .once(Instant(secondsSinceEpoch: 1_790_000_000))
            }
        var schedule = Schedule(name: "any", job: "any", timing: timing, zone: zone)
        schedule.misfire = MisfirePolicy(
            policy: MisfirePolicy.Policy.allCases.randomElement(using: &random) ?? .once,
            within: .seconds(Int.random(in: 1...300_000, using: &random)),
            limit: Int.random(in: 1...50, using: &random)
        )
        schedule.overlap = OverlapPolicy.allCases.randomElement(using: &random) ?? .forbid
        return schedule
    }

    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state ^ (state >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        }
    }
}
