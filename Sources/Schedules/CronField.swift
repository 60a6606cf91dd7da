/// One of the five fields of an expression: what it is called and which values it takes.
struct CronField {
    /// Which special values a field takes besides numbers and names.
    enum Kind {
        case plain
        /// `L` and `LW`.
        case days
        /// `5L` and `MON#2`.
        case weekdays
    }

    let name: String
    let kind: Kind
    let range: ClosedRange<Int>
    /// Names of values in three letters, the first one for `range.lowerBound`.
    let names: [String]

    static let minute = CronField(name: "minute", kind: .plain, range: 0...59, names: [])
    static let hour = CronField(name: "hour", kind: .plain, range: 0...23, names: [])
    static let dayOfMonth = CronField(name: "day-of-month", kind: .days, range: 1...31, names: [])
    static let month = CronField(
        name: "month",
        kind: .plain,
        range: 1...12,
        names: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
    )
    /// Sunday is 0 and 7.
    static let dayOfWeek = CronField(
        name: "day-of-week",
        kind: .weekdays,
        range: 0...7,
        names: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
    )

    /// "a minute from 0 to 59", for remedies.
    var permitted: String {
        let article = name.hasPrefix("hour") ? "an" : "a"
        let numbers = "\(article) \(name) from \(range.lowerBound) to \(range.upperBound)"
        guard let first = names.first, let last = names.last else { return numbers }
        return "\(numbers), or a name from \(first) to \(last)"
    }
}

/// The values that a field's text chooses, as bit sets.
struct CronValues {
    /// Bit v is set where value v is chosen.
    var values: UInt64 = 0
    /// Day of month: `L`, the last day.
    var lastDay = false
    /// Day of month: `LW`, the last Monday to Friday.
    var lastWorkday = false
    /// Day of week: bit d for `dL`, the month's last weekday d, Sunday 0.
    var lastWeekdays: UInt8 = 0
    /// Day of week: bit 5 * d + n - 1 for `d#n`, the month's n-th weekday d, Sunday 0.
    var nthWeekdays: UInt64 = 0
    /// Whether the text begins with a star: the flag by which Debian's cron tells wildcards from fixed values.
    var beginsWithStar = false
}
