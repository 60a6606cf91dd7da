extension Duration {
    /// Why a text is not a duration.
    package struct TextProblem: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// A hundred years of days; longer is a mistake.
    private static let longestDays: Int64 = 36_500

    private static let unitSeconds: [(unit: Character, seconds: Int64)] = [
        ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1),
    ]

    /// Reads `30s`, `15m`, `2h`, `400d` and combinations from large to small such as `1h30m`.
    ///
    /// A day is 24 hours whatever the zone. Each unit stands at most once, with a whole number before it.
    /// - Throws: the text is something else; the error says what is read.
    package init(scheduleText text: some StringProtocol) throws(TextProblem) {
        var units = Self.unitSeconds[...]
        var total: Int64 = 0
        var digits = ""
        for character in text {
            if character.isASCII, character.isWholeNumber {
                digits.append(character)
                continue
            }
            guard let index = units.firstIndex(where: { $0.unit == character }), let count = Int64(digits),
                digits.count <= 10
            else { throw Self.problem(text) }
            total += count * units[index].seconds
            units = units[(index + 1)...]
            digits = ""
        }
        guard digits.isEmpty, !text.isEmpty else { throw Self.problem(text) }
        guard total <= Self.longestDays * 86_400 else {
            throw TextProblem(description: "\"\(text)\" is longer than \(Self.longestDays) days")
        }
        self = .seconds(total)
    }

    /// The duration as a schedule file writes it, in the fewest units: "1h30m", "400d", "0s".
    ///
    /// Parts of a second are dropped; a file cannot name them.
    package var scheduleText: String {
        var rest = components.seconds
        let parts = Self.unitSeconds.compactMap { unit, seconds -> String? in
            let count = rest / seconds
            rest %= seconds
            return count > 0 ? "\(count)\(unit)" : nil
        }
        return parts.isEmpty ? "0s" : parts.joined()
    }

    private static func problem(_ text: some StringProtocol) -> TextProblem {
        TextProblem(description: "\"\(text)\" is not a duration such as 30s, 15m, 2h, 400d or 1h30m")
    }
}
