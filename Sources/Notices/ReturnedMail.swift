/// A mail that came back, as header fields and parts (RFC 5322, RFC 2046): read with patience, since those who write
/// such mails break every rule.
///
/// It never fails; what cannot be told apart is body.
struct ReturnedMail {
    struct Field: Hashable {
        /// In lower case.
        let name: String
        /// Unfolded, without blanks around it.
        let value: String
    }

    let fields: [Field]
    /// As it stands in the mail, before any transfer encoding is undone.
    let body: ArraySlice<UInt8>
    /// Of a multipart its parts, of an enclosed mail that one mail.
    let parts: [ReturnedMail]
    let contentType: ContentType

    /// The type of a part, in lower case, and its parameters.
    struct ContentType: Hashable {
        var type = "text/plain"
        var parameters: [String: String] = [:]
    }

    /// How deep parts are looked for in parts, and how many of them, fields and header lines' bytes there may be: more is body.
    enum Limit {
        static let depth = 8
        static let parts = 64
        static let fields = 500
        static let valueBytes = 8192
    }

    /// The first value of a field, whose name is given in lower case.
    func value(_ name: String) -> String? { fields.first { $0.name == name }?.value }

    func values(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }

    /// The body with its transfer encoding undone: base64 and quoted-printable; anything else as it is.
    var content: [UInt8] {
        switch value("content-transfer-encoding")?.lowercased().prefix(while: { !$0.isWhitespace && $0 != ";" }) {
        case "base64": TransferEncoding.base64(body)
        case "quoted-printable": TransferEncoding.quotedPrintable(body)
        default: Array(body)
        }
    }

    /// This part and all in it, each before what it holds, in their order.
    var all: [ReturnedMail] { [self] + parts.flatMap(\.all) }
}

/// Undoes what mail does to bytes on their way.
enum TransferEncoding {
    /// Base64 with whatever stands between its characters left out.
    static func base64(_ text: some Sequence<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        var (bits, count): (UInt32, Int) = (0, 0)
        for character in text {
            let value: UInt8
            switch character {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = character - UInt8(ascii: "A")
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = character - UInt8(ascii: "a") + 26
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = character - UInt8(ascii: "0") + 52
            case UInt8(ascii: "+"): value = 62
            case UInt8(ascii: "/"): value = 63
            case UInt8(ascii: "="): return bytes
            default: continue
            }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
                bits &= 1 << UInt32(count) - 1
            }
        }
        return bytes
    }

    /// Quoted-printable; an escape that is none stays as it is.
    static func quotedPrintable(_ text: ArraySlice<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        var place = text.startIndex
        while place < text.endIndex {
            let byte = text[place]
            place += 1
            guard byte == UInt8(ascii: "=") else {
                bytes.append(byte)
                continue
            }
            let rest = text[place...]
            if rest.first == UInt8(ascii: "\n") {
                place += 1
            } else if rest.starts(with: [UInt8(ascii: "\r"), UInt8(ascii: "\n")]) {
                place += 2
            } else if let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16), rest.count > 1,
                rest.first != UInt8(ascii: "+")
            {
                bytes.append(value)
                place += 2
            } else {
                bytes.append(byte)
            }
        }
        return bytes
    }
}
