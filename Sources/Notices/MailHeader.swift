internal import CivilTime

/// One header of a mail, folded (RFC 5322, section 2.2.3) and encoded where it must be (RFC 2047).
struct MailHeader {
    let name: String
    /// Between two of them a line may be broken; they are joined by one space.
    let words: [String]

    /// A line that has encoded words in it may have 76 characters.
    static let lineLength = 76

    /// The header with its last line break.
    var text: String {
        var lines: [String] = []
        var line = name + ":"
        for word in words {
            if line != name + ":", line.utf8.count + 1 + word.utf8.count > Self.lineLength {
                lines.append(line)
                line = ""
            }
            line += " " + word
        }
        return (lines + [line]).map { $0 + "\r\n" }.joined()
    }

    /// A header whose value people read: as it stands where that is a short ASCII line, else in encoded words.
    ///
    /// - Throws: the value has a control character.
    init(_ name: String, unstructured value: String) throws(MailError) {
        guard !value.unicodeScalars.contains(where: Self.isControl) else { throw .controlCharacter(in: name) }
        self.name = name
        let isPlain =
            value.utf8.allSatisfy { (0x20..<0x7F).contains($0) } && !value.contains("=?") && !value.contains("  ")
            && value.first != " " && value.last != " " && name.utf8.count + 2 + value.utf8.count <= Self.lineLength
        words = isPlain ? [value] : Self.encodedWords(value, first: Self.lineLength - name.utf8.count - 2)
    }

    init(_ name: String, words: [String]) {
        self.name = name
        self.words = words
    }

    /// A text as encoded words, each whole characters and at most 75 long, the first at most `first`.
    static func encodedWords(_ text: String, first: Int) -> [String] {
        let (start, end) = ("=?utf-8?B?", "?=")
        var words: [String] = []
        var bytes: [UInt8] = []
        // Three bytes become four characters.
        var room = (min(first, 75) - start.utf8.count - end.utf8.count) / 4 * 3
        for scalar in text.unicodeScalars {
            let more = Array(String(scalar).utf8)
            if bytes.count + more.count > room {
                words.append(start + MailEncoding.base64(bytes) + end)
                (bytes, room) = ([], (75 - start.utf8.count - end.utf8.count) / 4 * 3)
            }
            bytes += more
        }
        return words + [start + MailEncoding.base64(bytes) + end]
    }

    /// What would end a header or confuse what reads it.
    static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x00...0x1F, 0x7F...0x9F, 0x2028, 0x2029: true
        default: false
        }
    }

    /// RFC 5322, in UTC: `Tue, 24 Nov 2026 12:31:35 +0000`.
    static func date(_ instant: Instant) -> String {
        let seconds = instant.secondsSinceEpoch
        let date = CivilDate(daysSinceEpoch: CivilCalendar.floorDivide(seconds, 86_400))
        let time = CivilCalendar.floorModulo(seconds, 86_400)
        let (year, month, day) = date.components
        let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let clock = [time / 3_600, time / 60 % 60, time % 60].map(padded).joined(separator: ":")
        let years = String(repeating: "0", count: max(0, 4 - "\(year)".count)) + "\(year)"
        return "\(days[date.isoWeekday - 1]), \(day) \(months[month - 1]) \(years) \(clock) +0000"
    }

    private static func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
