extension Duration: PostgresDecodable {
    /// Reads an interval of hours, minutes and seconds, in the styles `iso_8601` and `postgres`; days count 24 hours.
    ///
    /// An interval with months or years has no length and is refused.
    package init(postgresText: String) throws(PostgresDecodingError) {
        let value = postgresText.hasPrefix("P") ? Self.iso8601(postgresText) : Self.clock(postgresText)
        guard let value else { throw PostgresDecodingError(expected: "interval without months") }
        self = value
    }

    private static func iso8601(_ text: String) -> Duration? {
        var total = Duration.zero
        var number = ""
        var inTime = false
        for character in text.dropFirst() {
            switch character {
            case "T": inTime = true
            case "0"..."9", ".", "-", "+": number.append(character)
            default:
                guard let value = fixedPoint(number) else { return nil }
                number = ""
                switch (character, inTime) {
                case ("W", false): total += value * 604_800
                case ("D", false): total += value * 86_400
                case ("H", true): total += value * 3600
                case ("M", true): total += value * 60
                case ("S", true): total += value
                default: return nil
                }
            }
        }
        return number.isEmpty ? total : nil
    }

    /// The style `postgres`: "-3 days 04:05:06.789".
    private static func clock(_ text: String) -> Duration? {
        var total = Duration.zero
        var words = text.split(separator: " ")[...]
        while words.count >= 2 {
            guard let count = Int64(words.removeFirst()), words.removeFirst().hasPrefix("day") else { return nil }
            total += .seconds(count * 86_400)
        }
        guard let word = words.first else { return total }
        let parts = word.drop { $0 == "-" || $0 == "+" }.split(separator: ":")
        guard parts.count == 3, let hours = Int64(parts[0]), let minutes = Int64(parts[1]),
            let seconds = fixedPoint(String(parts[2]))
        else { return nil }
        let time = Duration.seconds(hours * 3600 + minutes * 60) + seconds
        return word.hasPrefix("-") ? total - time : total + time
    }

    /// A decimal number of seconds with up to six digits after the point.
    private static func fixedPoint(_ text: String) -> Duration? {
        let isNegative = text.hasPrefix("-")
        let parts = text.drop { $0 == "-" || $0 == "+" }.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let whole = Int64(parts[0]) else { return nil }
        var micros: Int64 = 0
        if parts.count == 2 {
            guard (1...6).contains(parts[1].count), let fraction = Int64(parts[1]) else { return nil }
            micros = fraction
            for _ in parts[1].count..<6 { micros *= 10 }
        }
        let value = Duration.seconds(whole) + .microseconds(micros)
        return isNegative ? .zero - value : value
    }
}
