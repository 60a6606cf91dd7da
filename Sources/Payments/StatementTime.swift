package import CivilTime

/// Reads times as bank files write them.
package enum StatementTime {
    /// The instant that a text means; nil where none of the formats fits.
    ///
    /// A format without a time of day means the last second of that day: money that came on a day was there at its end.
    /// Where a zone's clock shows a time twice, the first is meant.
    package static func instant(_ text: String, _ time: StatementLayout.Time) -> Instant? {
        for format in time.formats {
            if format == "rfc3339" {
                if let instant = Instant(text) { return instant }
            } else if let local = local(text, format) {
                return time.zone.instants(of: local).earliest
            }
        }
        return nil
    }

    /// What is wrong with a format; nil where nothing is.
    package static func problem(with format: String) -> String? {
        if format == "rfc3339" { return nil }
        var seen: Set<Character> = []
        var rest = format[...]
        while let mark = rest.firstIndex(of: "%") {
            rest = rest[rest.index(after: mark)...]
            guard let letter = rest.popFirst() else { return "it ends with %" }
            guard "YmdHMSbIp".contains(letter) else { return "%\(letter) is not read" }
            guard seen.insert(letter).inserted else { return "%\(letter) stands twice" }
        }
        guard seen.contains("Y"), seen.contains("d"), seen.contains("m") != seen.contains("b") else {
            return "it needs %Y, %d and %m or %b"
        }
        guard seen.contains("I") == seen.contains("p"), !(seen.contains("I") && seen.contains("H")) else {
            return "%I and %p go together, and not with %H"
        }
        return nil
    }

    private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

    private static func local(_ text: String, _ format: String) -> CivilDateTime? {
        var values: [UInt8: Int] = [:]
        var input = text.utf8[...]
        var wanted = format.utf8[...]
        while let byte = wanted.popFirst() {
            guard byte == UInt8(ascii: "%"), let letter = wanted.popFirst() else {
                guard input.popFirst() == byte else { return nil }
                continue
            }
            switch letter {
            case UInt8(ascii: "b"):
                let word = String(decoding: input.prefix(3), as: UTF8.self).lowercased()
                guard let month = months.firstIndex(of: word) else { return nil }
                values[UInt8(ascii: "m")] = month + 1
                input = input.dropFirst(3)
            case UInt8(ascii: "p"):
                let word = String(decoding: input.prefix(2), as: UTF8.self).uppercased()
                guard word == "AM" || word == "PM" else { return nil }
                values[letter] = word == "PM" ? 12 : 0
                input = input.dropFirst(2)
            default:
                // A day or an hour may have one digit; a year has four.
                let digits = input.prefix(letter == UInt8(ascii: "Y") ? 4 : 2).prefix { (48...57).contains($0) }
                guard !digits.isEmpty, letter != UInt8(ascii: "Y") || digits.count == 4 else { return nil }
                values[letter] = digits.reduce(0) { $0 * 10 + Int($1) - 48 }
                input = input.dropFirst(digits.count)
            }
        }
        guard input.isEmpty else { return nil }
        return dateTime { values[UInt8(ascii: $0)] }
    }

    private static func dateTime(_ value: (Unicode.Scalar) -> Int?) -> CivilDateTime? {
        guard let year = value("Y"), let month = value("m"), let day = value("d"),
            let date = CivilDate(year: year, month: month, day: day)
        else { return nil }
        if let hour = value("I"), let half = value("p") {
            guard (1...12).contains(hour) else { return nil }
            return CivilDateTime(date: date, hour: hour % 12 + half, minute: value("M") ?? 0, second: value("S") ?? 0)
        }
        guard let hour = value("H") else { return CivilDateTime(date: date, hour: 23, minute: 59, second: 59) }
        return CivilDateTime(date: date, hour: hour, minute: value("M") ?? 0, second: value("S") ?? 0)
    }
}
