package import CivilTime

/// What becomes of the schedules in force when a set of files takes their place: looked at before it happens.
package struct ScheduleEdit: Hashable, Sendable {
    /// A schedule as it is in force.
    package struct Standing: Hashable, Sendable {
        package let schedule: Schedule
        /// Every fire up to here is answered for.
        package let highWater: Instant
        package let isPaused: Bool

        package init(_ schedule: Schedule, highWater: Instant, isPaused: Bool = false) {
            self.schedule = schedule
            self.highWater = highWater
            self.isPaused = isPaused
        }
    }

    /// A key of a schedule whose value changes; nil where the key is not written on that side.
    package struct Field: Hashable, Sendable {
        package let name: String
        package let was: JSONValue?
        package let becomes: JSONValue?
    }

    package enum Kind: String, Sendable {
        case added, changed, removed
    }

    /// One schedule that will be another.
    package struct Change: Hashable, Sendable {
        package let name: String
        package let kind: Kind
        /// The zone in which its times are shown.
        package let zone: Zone
        package var fields: [Field] = []
        /// The next fires once the edit is in force; none where it does not fire here.
        package var next: [Instant] = []
        /// The earliest few of the fires that the edit takes away.
        ///
        /// They are due and not yet made, or still to come in a period that the new times have already passed.
        package var lost: [Instant] = []
        package var lostCount = 0
        /// Fires of the new times in a period that the old times have served already.
        package var doubled: [Instant] = []
        package var notes: [String] = []
    }

    /// By name.
    package let changes: [Change]

    package var isEmpty: Bool { changes.isEmpty }

    /// Compares what is in force with a set of files, at an instant of business time in an installation of this kind.
    package init(
        from standing: [Standing],
        to set: ScheduleSet,
        at now: Instant,
        in environment: ScheduleEnvironment
    ) {
        let old = Dictionary(standing.map { ($0.schedule.name, $0) }) { first, _ in first }
        let names = Set(old.keys).union(set.schedules.map(\.name)).sorted()
        changes = names.compactMap { name in
            switch (old[name], set[name]) {
            case (let was?, let becomes?): Self.change(from: was, to: becomes, now, environment)
            case (nil, let becomes?): Self.addition(of: becomes, now, environment)
            case (let was?, nil): Self.removal(of: was, now, environment)
            case (nil, nil): nil
            }
        }
    }

    /// How many schedules are added, changed and removed.
    package func count(of kind: Kind) -> Int { changes.filter { $0.kind == kind }.count }
}

extension ScheduleEdit {
    /// How many instants a preview shows.
    static let shown = 5
    /// More fires of one period than this are not told apart.
    static let most = 1_000

    private static func addition(
        of schedule: Schedule,
        _ now: Instant,
        _ environment: ScheduleEnvironment
    ) -> Change {
        var change = Change(name: schedule.name, kind: .added, zone: schedule.zone)
        change.tellNext(of: schedule, now, environment)
        return change
    }

    private static func removal(of was: Standing, _ now: Instant, _ environment: ScheduleEnvironment) -> Change {
        var change = Change(name: was.schedule.name, kind: .removed, zone: was.schedule.zone)
        change.losePending(of: was, now, environment)
        return change
    }

    private static func change(
        from was: Standing,
        to schedule: Schedule,
        _ now: Instant,
        _ environment: ScheduleEnvironment
    ) -> Change? {
        let fields = Self.fields(from: was.schedule, to: schedule)
        guard !fields.isEmpty else { return nil }
        var change = Change(name: schedule.name, kind: .changed, zone: schedule.zone, fields: fields)
        change.tellNext(of: schedule, now, environment)
        if was.isPaused { change.notes.append("it is paused, and stays so") }
        guard fields.contains(where: { !ScheduleKey.leavingTimeAlone.contains($0.name) }) else { return change }
        change.losePending(of: was, now, environment)
        if was.schedule.isActive(in: environment), schedule.isActive(in: environment), !was.isPaused {
            change.compareTimes(was.schedule, schedule, now)
        }
        return change
    }

    private static func fields(from old: Schedule, to new: Schedule) -> [Field] {
        let (was, becomes) = (old.definition, new.definition)
        return Set(was.keys).union(becomes.keys).sorted().compactMap { name in
            was[name] == becomes[name] ? nil : Field(name: name, was: was[name], becomes: becomes[name])
        }
    }
}

extension ScheduleEdit.Change {
    fileprivate mutating func tellNext(of schedule: Schedule, _ now: Instant, _ environment: ScheduleEnvironment) {
        if !schedule.isEnabled {
            notes.append("it is not enabled")
        } else if !schedule.isActive(in: environment) {
            notes.append("it does not fire in \(environment.rawValue)")
        } else {
            next = schedule.fires(after: now, count: ScheduleEdit.shown)
            if next.isEmpty { notes.append("it is never due again") }
        }
    }

    /// What is due and not yet made would be caught up without the edit; with it, time begins anew.
    fileprivate mutating func losePending(
        of was: ScheduleEdit.Standing,
        _ now: Instant,
        _ environment: ScheduleEnvironment
    ) {
        guard was.schedule.isActive(in: environment), !was.isPaused else { return }
        let pending = was.schedule.fires(after: was.highWater, upTo: now, most: ScheduleEdit.most)
        lose(pending)
        if !pending.isEmpty { notes.append("fires that are due and not made yet are not caught up after the edit") }
    }

    /// The smallest of day, week, month and year around now in which both are due: with both halves of it together, the
    /// schedule should fire as often as one of them alone.
    fileprivate mutating func compareTimes(_ old: Schedule, _ new: Schedule, _ now: Instant) {
        for period in CalendarPeriod.all {
            let (start, end) = period.bounds(around: now, in: new.zone)
            let before = start.adding(.microseconds(-1))
            let until = end.adding(.microseconds(-1))
            let was = old.fires(after: before, upTo: until, most: ScheduleEdit.most)
            let becomes = new.fires(after: before, upTo: until, most: ScheduleEdit.most)
            guard !was.isEmpty, !becomes.isEmpty else { continue }
            let coming = becomes.filter { $0 > now }
            let made = was.filter { $0 <= now }.count + coming.count
            if made > max(was.count, becomes.count) {
                doubled = Array(coming.prefix(made - max(was.count, becomes.count)))
                notes.append("this \(period.name) it has already fired by its old times")
            } else if made < min(was.count, becomes.count) {
                lose(Array(was.filter { $0 > now }.prefix(min(was.count, becomes.count) - made)))
                notes.append("this \(period.name) its new times have already passed")
            }
            return
        }
    }

    private mutating func lose(_ fires: [Instant]) {
        lostCount += fires.count
        lost = Array((lost + fires).prefix(ScheduleEdit.shown))
    }
}

/// A stretch of the calendar around an instant.
private struct CalendarPeriod {
    let name: String
    /// Its first day, and the first day after it.
    let days: @Sendable (CivilDate) -> (first: CivilDate, end: CivilDate)

    func bounds(around now: Instant, in zone: Zone) -> (start: Instant, end: Instant) {
        let (first, end) = days(zone.localDate(at: now))
        return (zone.startOfDay(first), zone.startOfDay(end))
    }

    static let all = [
        CalendarPeriod(name: "day") { ($0, $0.adding(days: 1)) },
        CalendarPeriod(name: "week") { date in
            let monday = date.adding(days: 1 - date.isoWeekday)
            return (monday, monday.adding(days: 7))
        },
        CalendarPeriod(name: "month") { date in
            let first = date.adding(days: 1 - date.day)
            return (first, first.adding(months: 1))
        },
        CalendarPeriod(name: "year") { date in
            let first = date.adding(days: 1 - date.day).adding(months: 1 - date.month)
            return (first, first.adding(months: 12))
        },
    ]
}
