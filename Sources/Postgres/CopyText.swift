/// Rows in COPY's text format: columns by tabs, lines by line feeds, NULL as `\N`.
package enum CopyText {
    /// One line, its line feed included.
    package static func row(_ values: [any PostgresEncodable]) -> [UInt8] {
        var line: [UInt8] = []
        for (index, value) in values.enumerated() {
            if index > 0 { line.append(UInt8(ascii: "\t")) }
            guard let text = value.postgresText else {
                line.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "N")])
                continue
            }
            for byte in text.utf8 { append(byte, to: &line) }
        }
        line.append(UInt8(ascii: "\n"))
        return line
    }

    private static func append(_ byte: UInt8, to line: inout [UInt8]) {
        let escaped: UInt8? =
            switch byte {
            case UInt8(ascii: "\\"): byte
            case UInt8(ascii: "\n"): UInt8(ascii: "n")
            case UInt8(ascii: "\r"): UInt8(ascii: "r")
            case UInt8(ascii: "\t"): UInt8(ascii: "t")
            default: nil
            }
        if let escaped { line.append(contentsOf: [UInt8(ascii: "\\"), escaped]) } else { line.append(byte) }
    }

    /// The columns of one line that COPY sent; nil is NULL.
    package static func columns(_ line: [UInt8]) -> [String?] {
        var content = line[...]
        if content.last == UInt8(ascii: "\n") { content.removeLast() }
        return content.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false).map { column in
            if column.elementsEqual([UInt8(ascii: "\\"), UInt8(ascii: "N")]) { return nil }
            return unescape(column)
        }
    }

    private static func unescape(_ column: ArraySlice<UInt8>) -> String {
        var bytes: [UInt8] = []
        var isEscaped = false
        for byte in column {
            if !isEscaped, byte == UInt8(ascii: "\\") {
                isEscaped = true
                continue
            }
            if isEscaped {
                let plain: [UInt8: UInt8] = [0x6E: 0x0A, 0x72: 0x0D, 0x74: 0x09, 0x62: 0x08, 0x66: 0x0C, 0x76: 0x0B]
                bytes.append(plain[byte] ?? byte)
            } else {
                bytes.append(byte)
            }
            isEscaped = false
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
