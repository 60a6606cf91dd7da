extension ReturnedMail {
    /// Reads a mail as it came: lines end with LF or CRLF, and a line `From …` of a mailbox may stand in front.
    init(_ bytes: [UInt8]) {
        var budget = Limit.parts
        var rest = bytes[...]
        if rest.starts(with: "From ".utf8) { rest = Lines.after(rest) }
        self.init(rest, depth: 0, isDigest: false, &budget)
    }

    private init(_ bytes: ArraySlice<UInt8>, depth: Int, isDigest: Bool, _ budget: inout Int) {
        let (fields, body) = Self.split(bytes)
        self.fields = fields
        self.body = body
        var type = fields.first { $0.name == "content-type" }.flatMap { ContentType($0.value) }
        if type == nil { type = ContentType(type: isDigest ? "message/rfc822" : "text/plain") }
        var parts: [ReturnedMail] = []
        if depth < Limit.depth, let known = type {
            if known.type.hasPrefix("multipart/") {
                let boundary = known.parameters["boundary"] ?? Self.guessedBoundary(of: body)
                for piece in boundary.map({ Self.pieces(of: body, at: Array($0.utf8)) }) ?? [] {
                    guard budget > 0 else { break }
                    budget -= 1
                    let isDigest = known.type == "multipart/digest"
                    parts.append(ReturnedMail(piece, depth: depth + 1, isDigest: isDigest, &budget))
                }
            } else if ["message/rfc822", "message/global"].contains(known.type), budget > 0 {
                budget -= 1
                parts = [ReturnedMail(body, depth: depth + 1, isDigest: false, &budget)]
            }
        }
        self.parts = parts
        contentType = type ?? ContentType()
    }

    /// The fields at the start of a text, and what follows the empty line behind them.
    static func split(_ bytes: ArraySlice<UInt8>) -> (fields: [Field], body: ArraySlice<UInt8>) {
        var fields: [Field] = []
        var open: (name: String, value: [UInt8])?
        var rest = bytes
        func close() {
            guard let field = open else { return }
            open = nil
            guard fields.count < Limit.fields else { return }
            fields.append(Field(name: field.name, value: text(field.value[...])))
        }
        while !rest.isEmpty {
            let line = Lines.first(of: rest)
            if line.isEmpty {
                rest = Lines.after(rest)
                break
            }
            if isBlank(line[line.startIndex]) {
                // What belongs to no field is skipped.
                if let value = open?.value, value.count < Limit.valueBytes { open?.value += line }
            } else if let colon = line.firstIndex(of: UInt8(ascii: ":")), isName(line[..<colon]) {
                close()
                let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
                open = (trimmed(name), Array(line[line.index(after: colon)...].prefix(Limit.valueBytes)))
            } else {
                // No field: the body has begun without its empty line.
                break
            }
            rest = Lines.after(rest)
        }
        close()
        return (fields, rest)
    }

    /// The names of fields have visible characters of ASCII; blanks in front of the colon are put up with.
    private static func isName(_ bytes: ArraySlice<UInt8>) -> Bool {
        var name = bytes
        while let last = name.last, isBlank(last) { name.removeLast() }
        return !name.isEmpty && name.allSatisfy { (33...126).contains($0) }
    }

    static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    private static func trimmed(_ text: String) -> String {
        String(text.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        trimmed(String(decoding: bytes, as: UTF8.self))
    }

    /// What lies between the lines of a boundary; a last one that is missing is the end.
    private static func pieces(of body: ArraySlice<UInt8>, at boundary: [UInt8]) -> [ArraySlice<UInt8>] {
        let mark = Array("--".utf8) + boundary
        var pieces: [ArraySlice<UInt8>] = []
        var start: Int?
        var rest = body
        while !rest.isEmpty {
            let line = Lines.first(of: rest)
            if line.starts(with: mark) {
                let tail = line.dropFirst(mark.count)
                let isLast = tail.starts(with: "--".utf8)
                if tail.dropFirst(isLast ? 2 : 0).allSatisfy(isBlank) {
                    if let start { pieces.append(Lines.withoutEnd(body[start..<rest.startIndex])) }
                    start = nil
                    if isLast { return pieces }
                    start = Lines.after(rest).startIndex
                }
            }
            rest = Lines.after(rest)
        }
        if let start { pieces.append(body[start...]) }
        return pieces
    }

    /// The boundary where the header does not tell it: the first line that looks like one.
    private static func guessedBoundary(of body: ArraySlice<UInt8>) -> String? {
        var rest = body
        for _ in 0..<200 where !rest.isEmpty {
            let line = Lines.first(of: rest)
            if line.count > 4, line.count <= 72, line.starts(with: "--".utf8),
                !line.dropFirst(2).contains(where: isBlank)
            {
                return String(decoding: line.dropFirst(2), as: UTF8.self)
            }
            rest = Lines.after(rest)
        }
        return nil
    }
}

/// Lines of bytes, which end with LF or CRLF.
enum Lines {
    /// The first line, without its end.
    static func first(of bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") }
        return line.last == UInt8(ascii: "\r") ? line.dropLast() : line
    }

    /// What follows the first line.
    static func after(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return bytes[bytes.endIndex...] }
        return bytes[bytes.index(after: end)...]
    }

    /// Without the line end in front of a boundary, which is the boundary's own.
    static func withoutEnd(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var bytes = bytes
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        return bytes
    }
}

extension ReturnedMail.ContentType {
    /// Reads the value of a Content-Type field (RFC 2045): comments are left out, a value may be in quotes or not.
    ///
    /// - Returns: nil where there is no type in it.
    init?(_ text: String) {
        var reader = ParameterReader(text)
        let type = reader.word(until: ";").lowercased()
        guard type.contains("/") else { return nil }
        self.type = type
        while reader.skip(";") {
            let name = reader.word(until: "=;").lowercased()
            guard reader.take("=") else { continue }
            let value = reader.value()
            if !name.isEmpty, parameters[name] == nil, parameters.count < 32 { parameters[name] = value }
        }
    }
}

/// Reads `type; name=value; name="value"`.
private struct ParameterReader {
    private var rest: Substring.UnicodeScalarView

    init(_ text: String) { rest = text.unicodeScalars[...] }

    private mutating func skipBlanks() {
        var depth = 0
        while let next = rest.first {
            if next == "(" {
                depth += 1
            } else if next == ")", depth > 0 {
                depth -= 1
            } else if depth == 0, !next.properties.isWhitespace {
                return
            }
            rest.removeFirst()
        }
    }

    mutating func skip(_ mark: Unicode.Scalar) -> Bool {
        // What stands behind a value in quotes belongs to nothing.
        while let next = rest.first, next != mark { rest.removeFirst() }
        guard !rest.isEmpty else { return false }
        rest.removeFirst()
        return true
    }

    mutating func take(_ mark: Unicode.Scalar) -> Bool {
        guard rest.first == mark else { return false }
        rest.removeFirst()
        return true
    }

    mutating func word(until ends: String) -> String {
        skipBlanks()
        let word = rest.prefix { !ends.unicodeScalars.contains($0) && !$0.properties.isWhitespace && $0 != "(" }
        rest = rest[word.endIndex...]
        skipBlanks()
        return String(word)
    }

    mutating func value() -> String {
        skipBlanks()
        guard rest.first == "\"" else { return word(until: ";") }
        rest.removeFirst()
        var value = String.UnicodeScalarView()
        while let next = rest.popFirst(), next != "\"" {
            if next == "\\" {
                if let escaped = rest.popFirst() { value.append(escaped) }
            } else {
                value.append(next)
            }
        }
        return String(value)
    }
}
