/// What a generic scheme signs: literal text with the message's id, time and body in their places.
struct SignedContent: Sendable, Equatable {
    private enum Piece: Sendable, Equatable {
        case literal([UInt8])
        case id, timestamp, body
    }

    private let pieces: [Piece]

    /// The body alone.
    static let body = SignedContent(pieces: [.body])

    private init(pieces: [Piece]) { self.pieces = pieces }

    /// Reads a template.
    ///
    /// - Throws: a brace that opens no placeholder, an unknown or repeated one, no body, an id or a timestamp without its
    ///   header, or a timestamp's header that the template leaves unsigned.
    init(_ template: String, hasID: Bool, hasTimestamp: Bool) throws(SchemeError) {
        var pieces: [Piece] = []
        var literal: [UInt8] = []
        var rest = Array(template.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}") else {
                literal.append(byte)
                continue
            }
            let name = String(decoding: rest.prefix { $0 != UInt8(ascii: "}") }, as: UTF8.self)
            guard byte == UInt8(ascii: "{"), let piece = Self.placeholder(name), rest.count > name.utf8.count else {
                throw SchemeError(
                    .badTemplate,
                    "the signed content '\(template)' has something else in braces than a placeholder",
                    remedy: "use {id}, {timestamp} and {body}, as {timestamp}.{body}"
                )
            }
            guard !pieces.contains(piece) else {
                throw SchemeError(
                    .badTemplate,
                    "the signed content '\(template)' has {\(name)} twice",
                    remedy: "each placeholder may stand there once"
                )
            }
            rest = rest.dropFirst(name.utf8.count + 1)
            if !literal.isEmpty { pieces.append(.literal(literal)) }
            literal = []
            pieces.append(piece)
        }
        if !literal.isEmpty { pieces.append(.literal(literal)) }
        self.pieces = pieces
        try check(template, hasID: hasID, hasTimestamp: hasTimestamp)
    }

    var hasID: Bool { pieces.contains(.id) }

    /// The bytes that were signed.
    func message(id: String, timestamp: String, body: [UInt8]) -> [UInt8] {
        var message: [UInt8] = []
        message.reserveCapacity(body.count + 512)
        for piece in pieces {
            switch piece {
            case .literal(let bytes): message += bytes
            case .id: message += id.utf8
            case .timestamp: message += timestamp.utf8
            case .body: message += body
            }
        }
        return message
    }

    private static func placeholder(_ name: String) -> Piece? {
        switch name {
        case "id": .id
        case "timestamp": .timestamp
        case "body": .body
        default: nil
        }
    }

    private func check(_ template: String, hasID: Bool, hasTimestamp: Bool) throws(SchemeError) {
        let problem: (String, String)? =
            if !pieces.contains(.body) {
                ("leaves the body unsigned", "put {body} into it")
            } else if pieces.contains(.id) && !hasID {
                ("has an {id}, and no header is named for it", "name the header of the id")
            } else if pieces.contains(.timestamp) && !hasTimestamp {
                ("has a {timestamp}, and no header is named for it", "name the header of the timestamp")
            } else if hasTimestamp && !pieces.contains(.timestamp) {
                (
                    "leaves the timestamp unsigned",
                    "put {timestamp} into it, or name no header: unsigned, it proves nothing"
                )
            } else {
                nil
            }
        guard let problem else { return }
        throw SchemeError(.badTemplate, "the signed content '\(template)' \(problem.0)", remedy: problem.1)
    }
}

/// Names of headers in a configuration.
enum HeaderName {
    /// - Throws: a name is not one that HTTP can carry (RFC 9110, section 5.1), or two are the same.
    static func check(_ names: [String]) throws(SchemeError) {
        var seen: Set<String> = []
        for name in names {
            guard !name.isEmpty, name.utf8.allSatisfy(isTokenCharacter) else {
                throw SchemeError(
                    .badHeader,
                    "'\(name)' is no name of a header",
                    remedy: "use letters, digits and hyphens, as X-Signature"
                )
            }
            guard seen.insert(name.lowercased()).inserted else {
                throw SchemeError(.badHeader, "\(name) stands for two things", remedy: "name a header for each")
            }
        }
    }

    private static func isTokenCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
