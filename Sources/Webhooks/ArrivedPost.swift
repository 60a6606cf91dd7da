/// A post whose signature is right, on its way into the inbox.
package struct ArrivedPost: Sendable, Equatable {
    package let source: String
    package let eventID: String
    package let body: [UInt8]
    /// A JSON list of pairs: the headers that the signature covers or consists of.
    package let headers: String
    package let contentType: String?
    package let scheme: String
    /// The fingerprint of the secret that fitted.
    package let secret: String?
    /// An IP address as text.
    package let address: String

    package init(
        source: String,
        eventID: String,
        body: [UInt8],
        headers: String = "[]",
        contentType: String? = nil,
        scheme: String,
        secret: String? = nil,
        address: String
    ) {
        self.source = source
        self.eventID = eventID
        self.body = body
        self.headers = headers
        self.contentType = contentType
        self.scheme = scheme
        self.secret = secret
        self.address = address
    }

    struct Key: Hashable {
        let source: String
        let eventID: String
    }

    var key: Key { Key(source: source, eventID: eventID) }
}

/// What became of a post on its way into the inbox.
package enum StoreOutcome: Sendable, Equatable {
    /// It is on disk.
    case stored
    /// The same was on disk before.
    case repeated
    /// Another body was on disk under its id; it is kept beside it and has no effect.
    case conflict
    /// It is not on disk, as far as anybody knows: the sender must try again.
    case failed(String)

    /// Whether the post's bytes are on disk.
    package var isKept: Bool {
        if case .failed = self { return false }
        return true
    }
}

/// The headers worth keeping, as JSON.
enum KeptHeaders {
    /// What may never be kept, whatever a scheme calls verified.
    private static let secrets: Set<String> = ["authorization", "proxy-authorization", "cookie", "x-api-key"]

    /// A list of pairs in the order of the post.
    static func json(_ headers: [(name: String, value: String)], named names: [String]) -> String {
        var wanted: Set<String> = []
        for name in names { wanted.insert(name.lowercased()) }
        var text = "["
        for header in headers {
            let name = header.name.lowercased()
            guard wanted.contains(name), !secrets.contains(name) else { continue }
            if text.utf8.count > 1 { text += "," }
            text += "[\(quoted(name)),\(quoted(header.value))]"
        }
        return text + "]"
    }

    private static func quoted(_ text: String) -> String {
        var bytes: [UInt8] = [UInt8(ascii: "\"")]
        bytes.reserveCapacity(text.utf8.count + 2)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            // Controls cannot come in a header but for the tab; what is left of them is no text.
            case 0..<0x20, 0x7F: bytes.append(UInt8(ascii: " "))
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
        return String(decoding: bytes, as: UTF8.self)
    }
}
