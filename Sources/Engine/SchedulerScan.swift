package import CivilTime
package import JobKit
package import Postgres
package import Schedules

/// The scheduler looked at from outside: what must be true of schedules, fires, runs and leases, whatever the code did.
///
/// It computes due instants anew from the definitions, so that a fault of the timekeeper shows.
package struct SchedulerScan: Inspection {
    /// How far back fires are checked one by one.
    static let window = Duration.seconds(2 * 86_400)
    /// At most so many fires of a schedule are checked, the newest.
    static let most = 5_000
    /// How late anything may be before it is a finding.
    static let patience = Duration.seconds(120)

    package init() {}

    package func findings(in transaction: Transaction) async throws -> [Finding] {
        let answers = try await transaction.pipeline(
            [Statements.accounts.bind(Self.window)]
                + [
                    Statements.firesWithoutRun, Statements.stuckReady, Statements.orphaned, Statements.oldLeases,
                    Statements.openAttempts, Statements.overrun,
                ].map { $0.bind(Self.patience) }
        )
        var findings = try answers[0].compactMap(ScheduleAccount.init).flatMap(\.findings)
        for rows in answers.dropFirst() {
            findings += try rows.map { Finding(try $0.get("name"), try $0.get("text"), since: try $0.get("since")) }
        }
        return findings
    }

    package func raise(_ findings: [Finding], in transaction: Transaction) async throws {
        let alarms = try findings.map { finding in
            Alarm(
                "scan:\(finding.name)",
                .critical,
                since: finding.since,
                evidence: JSONText(try JSONText(encoding: ["finding": finding.text]).text)
            )
        }
        try await AlarmBook(in: transaction).settle(["scan"], alarms)
    }
}

/// What is known of one schedule's recent fires.
package struct ScheduleAccount: Sendable {
    let schedule: Schedule
    let now: Instant
    let highWater: Instant
    /// Fires are accounted for from here on.
    let since: Instant
    let fires: Set<Instant>
    let gaps: [(from: Instant, to: Instant)]

    package init(
        _ schedule: Schedule,
        now: Instant,
        highWater: Instant,
        since: Instant,
        fires: [Instant],
        gaps: [(from: Instant, to: Instant)]
    ) {
        self.schedule = schedule
        self.now = now
        self.highWater = highWater
        self.since = since
        self.fires = Set(fires)
        self.gaps = gaps
    }

    /// Fires that nobody has made though they are long due, and fires that the high-water mark has passed without a trace.
    package var findings: [Finding] {
        var findings: [Finding] = []
        if let next = schedule.nextFire(after: highWater), next < now.adding(.zero - SchedulerScan.patience) {
            let text = "the fire of \(schedule.name) at \(next) is due and nobody has made it"
            findings.append(Finding("late_fires:\(schedule.name)", text, since: next))
        }
        let lost = unanswered
        if let first = lost.first {
            let text = "\(lost.count) fires of \(schedule.name) since \(first) have neither a row nor a gap"
            findings.append(Finding("lost_fires:\(schedule.name)", text, since: first))
        }
        return findings
    }

    private var unanswered: [Instant] {
        var start = since
        if case .every(let step) = schedule.timing {
            // Only the newest: a beat of seconds has very many.
            start = max(start, highWater.adding(.zero - step * SchedulerScan.most))
        }
        return schedule.fires(after: start, upTo: highWater, most: SchedulerScan.most).filter { fire in
            !fires.contains(fire) && !gaps.contains { $0.from <= fire && fire <= $0.to }
        }
    }

    /// Nil where this version of the program does not understand the definition, which the log of every node says.
    init?(_ row: Row) throws {
        guard let schedule = try? Schedule(name: row.get("name"), definitionJSON: row.get("definition")) else {
            return nil
        }
        let from = try row.get("gap_starts", as: [Instant].self)
        let to = try row.get("gap_ends", as: [Instant].self)
        self.init(
            schedule,
            now: try row.get("now"),
            highWater: try row.get("high_water"),
            since: try row.get("since"),
            fires: try row.get("fires"),
            gaps: zip(from, to).map { (from: $0, to: $1) }
        )
    }
}
