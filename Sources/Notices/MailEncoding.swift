/// Content as it goes through every relay: lines of at most 76 characters of ASCII (RFC 2045, section 6).
struct MailEncoding {
    /// As `Content-Transfer-Encoding` calls it.
    let name: String
    /// With a line break at its end.
    let text: [UInt8]

    /// A text in the encoding that makes it shorter; its line breaks become CRLF.
    init(text: String) {
        let lines = Self.lines(of: text)
        let canonical = lines.joined(separator: [0x0D, 0x0A])
        let quoted = Self.quotedPrintable(lines)
        let blocks = Self.base64Lines(Array(canonical))
        (name, self.text) = quoted.count <= blocks.count ? ("quoted-printable", quoted) : ("base64", blocks)
    }

    /// Bytes that are no text.
    init(bytes: [UInt8]) {
        name = "base64"
        text = Self.base64Lines(bytes)
    }

    /// Split at LF, CR and CRLF, without them.
    private static func lines(of text: String) -> [[UInt8]] {
        var lines: [[UInt8]] = [[]]
        var previous: UInt8 = 0
        for byte in text.utf8 {
            switch byte {
            case 0x0A where previous == 0x0D: break
            case 0x0A, 0x0D: lines.append([])
            default: lines[lines.count - 1].append(byte)
            }
            previous = byte
        }
        return lines
    }

    private static func quotedPrintable(_ lines: [[UInt8]]) -> [UInt8] {
        var result: [UInt8] = []
        for line in lines {
            var length = 0
            for (index, byte) in line.enumerated() {
                let isLast = index == line.count - 1
                var piece = isPlain(byte) ? [byte] : escaped(byte)
                // A space at the end of a line gets lost on the way; a point at its beginning means something to SMTP,
                // and a "From " to mailboxes.
                if byte == 0x20 || byte == 0x09, isLast { piece = escaped(byte) }
                if length == 0, byte == UInt8(ascii: ".") || line[index...].starts(with: "From ".utf8) {
                    piece = escaped(byte)
                }
                if length + piece.count > (isLast ? 76 : 75) {
                    result += [UInt8(ascii: "="), 0x0D, 0x0A]
                    length = 0
                    if byte == UInt8(ascii: ".") || line[index...].starts(with: "From ".utf8) { piece = escaped(byte) }
                }
                result += piece
                length += piece.count
            }
            result += [0x0D, 0x0A]
        }
        return result
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte == 0x09 || (0x20...0x7E).contains(byte) && byte != UInt8(ascii: "=")
    }

    private static let hexadecimal = Array("0123456789ABCDEF".utf8)

    private static func escaped(_ byte: UInt8) -> [UInt8] {
        [UInt8(ascii: "="), hexadecimal[Int(byte >> 4)], hexadecimal[Int(byte & 15)]]
    }

    private static func base64Lines(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count / 57 * 78 + 80)
        var rest = bytes[...]
        repeat {
            result += Array(base64(Array(rest.prefix(57))).utf8) + [0x0D, 0x0A]
            rest = rest.dropFirst(57)
        } while !rest.isEmpty
        return result
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// RFC 4648, on one line.
    static func base64(_ bytes: [UInt8]) -> String {
        var result: [UInt8] = []
        result.reserveCapacity((bytes.count + 2) / 3 * 4)
        var index = 0
        while index < bytes.count {
            let count = min(3, bytes.count - index)
            let second = count > 1 ? bytes[index + 1] : 0
            let third = count > 2 ? bytes[index + 2] : 0
            result.append(alphabet[Int(bytes[index] >> 2)])
            result.append(alphabet[Int(bytes[index] & 3) << 4 | Int(second >> 4)])
            result.append(count > 1 ? alphabet[Int(second & 15) << 2 | Int(third >> 6)] : UInt8(ascii: "="))
            result.append(count > 2 ? alphabet[Int(third & 63)] : UInt8(ascii: "="))
            index += 3
        }
        return String(decoding: result, as: UTF8.self)
    }
}
