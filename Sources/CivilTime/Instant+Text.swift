extension Instant: CustomStringConvertible, LosslessStringConvertible {
    /// Reads RFC 3339, the offset required: `2026-01-01T00:00:00Z` or `2026-01-01T07:00:00.5+07:00`.
    ///
    /// PostgreSQL's own writing, `2026-01-01 00:00:00+00`, is read too. Digits beyond the microsecond are dropped;
    /// second 60 is the start of the next minute.
    package init?(_ text: some StringProtocol) {
        var reader = ASCIIReader(text)
        guard let date = CivilDate(readingFrom: &reader),
            reader.take("T") || reader.take(" ") || reader.take("t"),
            let timeOfDay = Self.readTimeOfDay(&reader),
            let microseconds = Self.readFraction(&reader),
            let offset = Self.readOffset(&reader), reader.isAtEnd
        else { return nil }
        let seconds = date.daysSinceEpoch * 86_400 + timeOfDay - offset
        self.init(microsecondsSinceEpoch: Int64(seconds * 1_000_000 + microseconds))
    }

    package init?(_ description: String) {
        self.init(description[...])
    }

    /// RFC 3339 in UTC: `2026-01-01T00:00:00Z`, with a fraction only where there is one.
    package var description: String {
        text(offset: 0) { text in text.character("Z") }
    }

    /// RFC 3339 with a zone's offset in place of the `Z`: `2026-01-01T07:00:00+07:00`.
    package func description(in zone: Zone) -> String {
        let offset = zone.offset(at: self)
        return text(offset: offset) { text in text.offset(offset) }
    }

    private func text(offset: Int, ending: (inout ASCIIWriter) -> Void) -> String {
        let microseconds = CivilCalendar.floorModulo(Int(microsecondsSinceEpoch), 1_000_000)
        return String(unsafeUninitializedCapacity: 48) { buffer in
            var text = ASCIIWriter(buffer)
            text.dateTime(secondsSinceEpoch + offset, separator: "T")
            if microseconds != 0 {
                var (fraction, digits) = (microseconds, 6)
                while fraction % 10 == 0 { (fraction, digits) = (fraction / 10, digits - 1) }
                text.character(".")
                text.number(fraction, digits: digits)
            }
            ending(&text)
            return text.count
        }
    }

    private static func readTimeOfDay(_ text: inout ASCIIReader) -> Int? {
        guard let hour = text.number(digits: 2), hour <= 23, text.take(":"),
            let minute = text.number(digits: 2), minute <= 59, text.take(":"),
            let second = text.number(digits: 2), second <= 60
        else { return nil }
        return hour * 3_600 + minute * 60 + second
    }

    /// Microseconds of an optional fraction; nil where the point has no digit after it.
    private static func readFraction(_ text: inout ASCIIReader) -> Int? {
        guard text.take(".") else { return 0 }
        var (value, digits) = (0, 0)
        while let digit = text.number(digits: 1) {
            if digits < 6 { value = value * 10 + digit }
            digits += 1
        }
        guard digits > 0 else { return nil }
        for _ in min(digits, 6)..<6 { value *= 10 }
        return value
    }

    /// Seconds east of UTC: `Z`, `+07:00`, and PostgreSQL's `+00`, `+0530`, `+06:59:40`.
    private static func readOffset(_ text: inout ASCIIReader) -> Int? {
        if text.take("Z") || text.take("z") { return 0 }
        let isWest = text.take("-")
        guard isWest || text.take("+"), let hours = text.number(digits: 2), hours <= 23 else { return nil }
        var seconds = hours * 3_600
        if !text.isAtEnd {
            _ = text.take(":")
            guard let minutes = text.number(digits: 2), minutes <= 59 else { return nil }
            seconds += minutes * 60
        }
        if text.take(":") {
            guard let rest = text.number(digits: 2), rest <= 59 else { return nil }
            seconds += rest
        }
        return isWest ? -seconds : seconds
    }
}

extension Instant: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let instant = Instant(text) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "\"\(text)\" is no instant; write it with its offset, as 2026-01-01T00:00:00Z"
            )
        }
        self = instant
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
