internal import CivilTime
internal import Schedules

extension DunningPolicy {
    /// Two policies that do the same have the same text, whatever the layout of their files.
    static func json(
        _ steps: [DunningStep],
        _ quiet: QuietHours,
        _ calendar: BusinessCalendar,
        _ freshness: Duration,
        _ approveAbove: Int?,
        _ suspends: Bool,
        _ minimumNotice: Duration,
        _ suspensionHours: OpenHours
    ) -> String {
        var members: [String: JSONValue] = [
            "steps": .list(steps.map(\.json)),
            "quiet": hours(quiet.from, quiet.until),
            "calendar": calendar.json,
            "freshness": .text(freshness.scheduleText),
            "suspension": [
                "enabled": .boolean(suspends),
                "minimum_notice": .text(minimumNotice.scheduleText),
                "window": hours(suspensionHours.from, suspensionHours.until),
            ],
        ]
        if let approveAbove { members["approve_above"] = .integer(Int64(approveAbove)) }
        return JSONValue.object(members).canonicalText
    }

    private static func hours(_ from: Int, _ until: Int) -> JSONValue {
        ["from": .text(TimeText.of(from)), "until": .text(TimeText.of(until))]
    }
}

extension DunningStep {
    fileprivate var json: JSONValue {
        [
            "id": .text(id),
            "offset_days": .integer(Int64(offsetDays)),
            "at": .text(TimeText.of(minuteOfDay)),
            "category": .text(category),
            "template": .text(template),
            "channels": .list(ladder.map { .text($0.rawValue) }),
            "valid_for": .text(validFor.scheduleText),
        ]
    }
}

extension BusinessCalendar {
    fileprivate var json: JSONValue {
        [
            "name": .text(name),
            "until": .text("\(until)"),
            "weekend": .list(Weekday.allCases.filter(weekend.contains).map { .text($0.rawValue) }),
            "closed": .object(Dictionary(closed.map { ("\($0)", .text($1)) }) { first, _ in first }),
        ]
    }
}

/// Times of day as policy files write them.
enum TimeText {
    /// Minutes after midnight as "09:00".
    static func of(_ minute: Int) -> String {
        func two(_ number: Int) -> String { (number < 10 ? "0" : "") + String(number) }
        return "\(two(minute / 60)):\(two(minute % 60))"
    }
}
