/// Reads the text of a cron expression.
struct CronParser {
    private let expression: String
    /// The text that is read, in capitals.
    private let bytes: [UInt8]
    /// The same text as it was written, for the errors.
    private let written: [UInt8]

    /// What an expression says, before it is made ready for searching.
    struct Result {
        var minute = CronValues()
        var hour = CronValues()
        var dayOfMonth = CronValues()
        var month = CronValues()
        var dayOfWeek = CronValues()
        /// Where the day-of-month field begins, for an error that concerns the days as a whole.
        var dayColumn = 1
    }

    private static let nicknames = [
        "@YEARLY": "0 0 1 1 *",
        "@ANNUALLY": "0 0 1 1 *",
        "@MONTHLY": "0 0 1 * *",
        "@WEEKLY": "0 0 * * 0",
        "@DAILY": "0 0 * * *",
        "@MIDNIGHT": "0 0 * * *",
        "@HOURLY": "0 * * * *",
    ]

    static func parse(_ expression: String) throws(CronError) -> Result {
        let parser = CronParser(expression: expression, text: expression)
        let fields = parser.fields()
        if let first = fields.first, parser.bytes[first.lowerBound] == UInt8(ascii: "@") {
            return try parser.nickname(fields)
        }
        return try parser.result(fields)
    }

    private init(expression: String, text: String) {
        self.expression = expression
        written = Array(text.utf8)
        bytes = text.utf8.map { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) ? byte - 32 : byte
        }
    }

    /// The fields' places: everything between blanks.
    private func fields() -> [Range<Int>] {
        bytes.indices.split { index in
            bytes[index] == UInt8(ascii: " ") || (9...13).contains(bytes[index])
        }.map { $0.startIndex..<$0.endIndex }
    }

    private func nickname(_ fields: [Range<Int>]) throws(CronError) -> Result {
        let name = fields.first.map(text) ?? ""
        guard fields.count == 1, let meaning = Self.nicknames[name] else {
            throw error(
                at: fields.count > 1 ? fields[1].lowerBound : fields.first?.lowerBound ?? 0,
                name == "@REBOOT" ? "@reboot is no time" : "\"\(expression)\" is no name of a time",
                "write @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually alone, or five fields"
            )
        }
        let parser = CronParser(expression: expression, text: meaning)
        return try parser.result(parser.fields())
    }

    private func result(_ fields: [Range<Int>]) throws(CronError) -> Result {
        guard fields.count == 5 else { throw wrongCount(fields) }
        var result = Result()
        result.minute = try values(of: .minute, in: fields[0])
        result.hour = try values(of: .hour, in: fields[1])
        result.dayOfMonth = try values(of: .dayOfMonth, in: fields[2])
        result.month = try values(of: .month, in: fields[3])
        result.dayOfWeek = try values(of: .dayOfWeek, in: fields[4])
        result.dayColumn = column(fields[2].lowerBound)
        return result
    }

    private func wrongCount(_ fields: [Range<Int>]) -> CronError {
        let remedy = "write five: minute hour day-of-month month day-of-week, as in \"5 0 * * *\""
        if fields.isEmpty { return error(at: 0, "there is nothing in it", remedy) }
        if fields.count > 5 {
            return error(
                at: fields[5].lowerBound,
                "there are \(fields.count) fields",
                remedy + " (there is no field for seconds or years)"
            )
        }
        return error(
            at: bytes.count,
            "there \(fields.count == 1 ? "is 1 field" : "are \(fields.count) fields")",
            remedy
        )
    }

    /// A field is a list of terms.
    private func values(of field: CronField, in place: Range<Int>) throws(CronError) -> CronValues {
        var result = CronValues()
        result.beginsWithStar = bytes[place.lowerBound] == UInt8(ascii: "*")
        var start = place.lowerBound
        for index in place.lowerBound...place.upperBound
        where index == place.upperBound || bytes[index] == UInt8(ascii: ",") {
            guard start < index else {
                throw error(at: start, "a \(field.name) is missing beside the comma", "write \(field.permitted)")
            }
            try add(start..<index, of: field, to: &result)
            start = index + 1
        }
        return result
    }

    /// A term is a star, a value or a range, each with or without a step, or one of the special days.
    private func add(_ term: Range<Int>, of field: CronField, to result: inout CronValues) throws(CronError) {
        if try addSpecialDay(term, of: field, to: &result) { return }
        let (base, stepPlace) = parts(of: term, at: "/")
        let step = try stepPlace.map { (place) throws(CronError) in try self.step(place, of: field) }
        var first = field.range.lowerBound
        var last = field.range.upperBound
        if base.count != 1 || bytes[base.lowerBound] != UInt8(ascii: "*") {
            let (low, high) = parts(of: base, at: "-")
            first = try value(low, of: field)
            last = try high.map { (place) throws(CronError) in try value(place, of: field) } ?? first
            guard first <= last else {
                throw error(
                    at: base.lowerBound,
                    "the range \(quote(base)) runs backwards",
                    field.kind == .weekdays && last == 0
                        ? "write 7 for a Sunday at the end of a range, as in \(first)-7"
                        : "write the smaller \(field.name) first, or two ranges with a comma"
                )
            }
            // A step makes a lone value the start of a range to the field's end: 5/15 is 5, 20, 35, 50. A range of
            // one value is the same thing written twice.
            if step != nil, first == last { last = field.range.upperBound }
        }
        for value in stride(from: first, through: last, by: step ?? 1) { result.values |= 1 << UInt64(value) }
    }

    /// `L`, `LW`, `5L`, `MON#2`; false where the term is none of them.
    private func addSpecialDay(
        _ term: Range<Int>,
        of field: CronField,
        to result: inout CronValues
    ) throws(CronError) -> Bool {
        let last = bytes[term.upperBound - 1]
        switch field.kind {
        case .days where last == UInt8(ascii: "L") && term.count == 1: result.lastDay = true
        case .days where last == UInt8(ascii: "W") && text(term) == "LW": result.lastWorkday = true
        case .weekdays where bytes[term].contains(UInt8(ascii: "#")):
            let (day, number) = parts(of: term, at: "#")
            let weekday = try value(day, of: field) % 7
            guard let place = number, let n = self.number(place), (1...5).contains(n) else {
                throw error(
                    at: number?.lowerBound ?? day.upperBound,
                    "after # stands which one of the month's weekdays is meant",
                    "write a number from 1 to 5, as in MON#2"
                )
            }
            result.nthWeekdays |= 1 << UInt64(weekday * 5 + n - 1)
        case .weekdays where last == UInt8(ascii: "L"):
            guard let weekday = number(term.dropLast()), (0...7).contains(weekday) else {
                throw error(
                    at: term.lowerBound,
                    "\"\(quote(term))\" is no last weekday of a month",
                    "write a number from 0 to 7 before the L, as in 5L for the last Friday"
                )
            }
            result.lastWeekdays |= 1 << UInt8(weekday % 7)
        default: return false
        }
        return true
    }

    private func value(_ place: Range<Int>, of field: CronField) throws(CronError) -> Int {
        if let value = number(place) {
            guard field.range.contains(value) else {
                throw error(
                    at: place.lowerBound,
                    "\(field.name) \(quote(place)) is out of range",
                    "write \(field.permitted)"
                )
            }
            return value
        }
        if let index = field.names.firstIndex(of: text(place)) { return field.range.lowerBound + index }
        throw error(
            at: place.lowerBound,
            place.isEmpty ? "a \(field.name) is missing" : "\"\(quote(place))\" is no \(field.name)",
            text(place) == "?" ? "write * instead" : "write \(field.permitted)"
        )
    }

    private func step(_ place: Range<Int>, of field: CronField) throws(CronError) -> Int {
        guard let step = number(place), step > 0 else {
            throw error(
                at: place.lowerBound,
                "\"\(quote(place))\" is no step",
                "write a whole number from 1 after the slash, as in */15"
            )
        }
        return step
    }

    /// Digits only; a number too long to mean anything is cut to one that is out of every range.
    private func number(_ place: Range<Int>) -> Int? {
        guard !place.isEmpty else { return nil }
        var value = 0
        for byte in bytes[place] {
            let digit = byte &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            value = min(value * 10 + Int(digit), 1_000_000)
        }
        return value
    }

    /// What stands before and after the first such character; nil after it where there is none.
    private func parts(of place: Range<Int>, at separator: Unicode.Scalar) -> (Range<Int>, Range<Int>?) {
        guard let index = bytes[place].firstIndex(of: UInt8(ascii: separator)) else { return (place, nil) }
        return (place.lowerBound..<index, index + 1..<place.upperBound)
    }

    private func text(_ place: Range<Int>) -> String {
        String(decoding: bytes[place], as: UTF8.self)
    }

    /// As the author wrote it.
    private func quote(_ place: Range<Int>) -> String {
        String(decoding: written[place], as: UTF8.self)
    }

    private func column(_ index: Int) -> Int {
        String(decoding: written[..<min(index, written.count)], as: UTF8.self).count + 1
    }

    private func error(at index: Int, _ problem: String, _ remedy: String) -> CronError {
        CronError(expression: expression, column: column(index), problem: problem, remedy: remedy)
    }
}
