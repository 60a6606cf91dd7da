/// The rule that a zone follows for ever after its last recorded transition: a POSIX `TZ` string with RFC 9636's
/// longer hours, such as `EET-2EEST,M3.5.0/3,M10.5.0/4`.
struct POSIXZoneRule: Hashable, Sendable {
    let standard: LocalTimeKind
    /// Daylight saving time, where the zone has it.
    let summer: Summer?

    struct Summer: Hashable, Sendable {
        let kind: LocalTimeKind
        /// When it begins, by the clock of standard time.
        let start: Change
        /// When it ends, by its own clock.
        let end: Change
    }

    /// A day of every year and the seconds after its midnight (may be negative, or days long).
    struct Change: Hashable, Sendable {
        let day: Day
        let time: Int
    }

    enum Day: Hashable, Sendable {
        /// 1 to 365; 29 February is never counted.
        case julian(Int)
        /// 0 to 365; 29 February is counted.
        case ordinal(Int)
        /// Weekday 0 (Sunday) to 6 of a month, week 1 to 5, where 5 is the last.
        case weekday(month: Int, week: Int, weekday: Int)
    }

    /// The two changes of a year, in seconds since the epoch; nil without daylight saving time.
    func changes(in year: Int) -> (start: Int, end: Int)? {
        summer.map { summer in
            (
                start: summer.start.day.dayNumber(in: year) * 86_400 + summer.start.time - standard.offset,
                end: summer.end.day.dayNumber(in: year) * 86_400 + summer.end.time - summer.kind.offset
            )
        }
    }
}

extension POSIXZoneRule.Day {
    fileprivate func dayNumber(in year: Int) -> Int {
        switch self {
        case .julian(let day):
            let start = CivilCalendar.dayNumber(year: year, month: 1, day: 1)
            return start + day - 1 + (day >= 60 && CivilCalendar.isLeap(year) ? 1 : 0)
        case .ordinal(let day):
            return CivilCalendar.dayNumber(year: year, month: 1, day: 1) + day
        case .weekday(let month, let week, let weekday):
            let first = CivilCalendar.dayNumber(year: year, month: month, day: 1)
            let toWeekday = CivilCalendar.floorModulo(weekday - CivilCalendar.weekday(ofDay: first), 7)
            let day = toWeekday + (week - 1) * 7
            return first + (day < CivilCalendar.length(ofMonth: month, year: year) ? day : day - 7)
        }
    }
}

extension POSIXZoneRule {
    /// Reads the whole text, or nothing.
    init?(parsing text: some Sequence<UInt8>) {
        var reader = ASCIIReader(bytes: text)
        guard let name = Self.name(&reader), let west = Self.time(&reader, hoursLimit: 24) else { return nil }
        standard = LocalTimeKind(offset: -west, isDaylightSaving: false, abbreviation: name)
        if reader.isAtEnd {
            summer = nil
            return
        }
        guard let summerName = Self.name(&reader) else { return nil }
        var summerOffset = standard.offset + 3_600
        if reader.next != UInt8(ascii: ",") {
            guard let west = Self.time(&reader, hoursLimit: 24) else { return nil }
            summerOffset = -west
        }
        guard let start = Self.change(&reader), let end = Self.change(&reader), reader.isAtEnd else { return nil }
        summer = Summer(
            kind: LocalTimeKind(offset: summerOffset, isDaylightSaving: true, abbreviation: summerName),
            start: start,
            end: end
        )
    }

    private static func name(_ text: inout ASCIIReader) -> String? {
        if text.take("<") {
            let name = text.text { $0 != UInt8(ascii: ">") }
            return text.take(">") && name.utf8.count >= 3 ? name : nil
        }
        let name = text.text { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        }
        return name.utf8.count >= 3 ? name : nil
    }

    /// `[+-]h[:mm[:ss]]` in seconds.
    private static func time(_ text: inout ASCIIReader, hoursLimit: Int) -> Int? {
        let isNegative = text.take("-")
        if !isNegative { _ = text.take("+") }
        guard let hours = text.number(upToDigits: 3), hours <= hoursLimit else { return nil }
        var seconds = hours * 3_600
        for unit in [60, 1] where text.take(":") {
            guard let value = text.number(digits: 2), value <= 59 else { return nil }
            seconds += value * unit
        }
        return isNegative ? -seconds : seconds
    }

    /// `,date[/time]`; the time is 02:00 unless given.
    private static func change(_ text: inout ASCIIReader) -> Change? {
        guard text.take(","), let day = day(&text) else { return nil }
        guard text.take("/") else { return Change(day: day, time: 7_200) }
        return time(&text, hoursLimit: 167).map { Change(day: day, time: $0) }
    }

    private static func day(_ text: inout ASCIIReader) -> Day? {
        if text.take("J") {
            return text.number(upToDigits: 3).flatMap { (1...365).contains($0) ? .julian($0) : nil }
        }
        guard text.take("M") else {
            return text.number(upToDigits: 3).flatMap { (0...365).contains($0) ? .ordinal($0) : nil }
        }
        guard let month = text.number(upToDigits: 2), (1...12).contains(month), text.take("."),
            let week = text.number(digits: 1), (1...5).contains(week), text.take("."),
            let weekday = text.number(digits: 1), (0...6).contains(weekday)
        else { return nil }
        return .weekday(month: month, week: week, weekday: weekday)
    }
}
