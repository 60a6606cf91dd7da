package import CivilTime
package import Schedules

/// Decides, without a database, what the due fires of a schedule come to.
///
/// A fire is live while it is at most `tolerance` old: only `overlap` judges it. Older ones were missed: the misfire policy
/// chooses among those not older than its window, and `overlap` has no say about them.
package enum FirePlanner {
    /// - Parameters:
    ///   - schedule: whose fires they are.
    ///   - highWater: every fire up to here is answered for.
    ///   - now: business time.
    ///   - live: the schedule's runs that are not done.
    ///   - tolerance: how late a fire may be noticed and still be no missed one.
    /// - Returns: what each due instant comes to.
    package static func plan(
        _ schedule: Schedule,
        after highWater: Instant,
        now: Instant,
        live: LiveRuns = LiveRuns(),
        tolerance: Duration = .seconds(60)
    ) -> FirePlan {
        let edge = now.adding(.zero - tolerance)
        let missed = MissedFires(schedule, after: highWater, before: edge, now: now)
        var cursor = missed.last
        var fresh: [FirePlan.Fire] = []
        while let due = schedule.nextFire(after: cursor), due <= now {
            cursor = due
            fresh.append(FirePlan.Fire(at: due, verdict: .ran))
        }
        var plan = FirePlan(highWater: max(highWater, cursor))
        plan.gap = missed.gap
        plan.fires = inSequence(missed.caughtUp, live)
        judge(&fresh, by: schedule.overlap, pending: live.count + plan.fires.count { $0.verdict == .ran }, &plan)
        plan.fires += fresh
        return plan
    }

    /// Caught-up fires run one after another, oldest first, whatever `overlap` says.
    private static func inSequence(_ fires: [FirePlan.Fire], _ live: LiveRuns) -> [FirePlan.Fire] {
        var pending = live.count
        return fires.map { fire in
            guard fire.verdict == .ran else { return fire }
            var fire = fire
            fire.isInSequence = true
            fire.waits = pending > 0
            pending += 1
            return fire
        }
    }

    /// What `overlap` makes of live fires, oldest first, over so many runs that are not done.
    private static func judge(
        _ fires: inout [FirePlan.Fire],
        by overlap: OverlapPolicy,
        pending: Int,
        _ plan: inout FirePlan
    ) {
        var pending = pending
        for place in fires.indices {
            switch overlap {
            case .allow: break
            case .forbid where pending > 0:
                fires[place].verdict = .skipped
                fires[place].why = "an earlier run was not done"
            case .forbid: break
            case .queue:
                fires[place].isInSequence = true
                fires[place].waits = pending > 0
            case .cancelRunning where place < fires.count - 1:
                fires[place].verdict = .skipped
                fires[place].why = "a newer fire was due at the same time"
            case .cancelRunning:
                // It waits until those that are cancelled have ended, and for caught-up ones, which are not cancelled.
                fires[place].isInSequence = true
                fires[place].waits = pending > 0
                plan.cancelsEarlier = true
            }
            if fires[place].verdict == .ran { pending += 1 }
        }
    }
}
