/// Strict readers of the texts that headers and secrets are written in: one value has one writing.
package enum SignatureText {
    /// The two alphabets of RFC 4648.
    enum Alphabet {
        case standard, urlSafe

        func value(of byte: UInt8) -> UInt8? {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
            case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
            case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
            case UInt8(ascii: self == .standard ? "+" : "-"): 62
            case UInt8(ascii: self == .standard ? "/" : "_"): 63
            default: nil
            }
        }
    }

    /// How base64 may end.
    enum Padding { case required, optional }

    /// Base64 without blanks, line ends or strangers, with the unused bits of its end at zero; nil for anything else.
    static func base64(
        _ text: some Sequence<UInt8>,
        alphabet: Alphabet = .standard,
        padding: Padding = .required
    ) -> [UInt8]? {
        var text = Array(text)
        let length = text.count
        while text.count > length - 2, text.last == UInt8(ascii: "=") { text.removeLast() }
        let isPadded = text.count < length
        guard text.count % 4 != 1, length % 4 == 0 || padding == .optional && !isPadded else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count * 3 / 4)
        var (bits, count): (UInt32, UInt32) = (0, 0)
        for character in text {
            guard let value = alphabet.value(of: character) else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 6
            guard count >= 8 else { continue }
            count -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> count))
            bits &= 1 << count - 1
        }
        return bits == 0 ? bytes : nil
    }

    /// Base64 with its padding.
    package static func base64(encoding bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for place in 0...group.count { text.append(alphabet[Int(bits >> UInt32(18 - 6 * place) & 63)]) }
            for _ in group.count..<3 { text.append(UInt8(ascii: "=")) }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Hexadecimal digits in pairs; nil for anything else.
    static func hex(_ text: some Collection<UInt8>, takesUpperCase: Bool = true) -> [UInt8]? {
        guard text.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        var high: UInt8?
        for character in text {
            let digit: UInt8
            switch character {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = character - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = character - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F") where takesUpperCase:
                digit = character - UInt8(ascii: "A") + 10
            default: return nil
            }
            if let first = high {
                bytes.append(first << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        return bytes
    }

    /// Lower-case hexadecimal digits.
    package static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// A whole number in the one way it is written: ASCII digits without a leading zero, a minus only before another
    /// number than zero, nothing around it.
    static func integer(_ text: String) -> Int64? {
        let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
        guard let first = digits.first, digits.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains),
            first != UInt8(ascii: "0") || text.utf8.count == 1
        else { return nil }
        return Int64(text)
    }

    /// Whether a text may be a message's id: 1 to 255 bytes without control characters, and without the characters that
    /// the scheme keeps for itself.
    static func isID(_ text: String, without separator: UInt8? = nil) -> Bool {
        (1...255).contains(text.utf8.count)
            && !text.utf8.contains { $0 == separator }
            && !text.unicodeScalars.contains { $0.properties.generalCategory == .control }
    }
}
