/// One post as it came in: the headers as they were sent, and the bytes of the body before anybody read them.
package struct ReceivedPost: Sendable {
    /// The headers in the order in which they came, a name that was sent twice standing there twice.
    package var headers: [(name: String, value: String)]

    /// The body's bytes: what was signed, so never a text that was decoded and encoded again.
    package var body: [UInt8]

    package init(headers: [(name: String, value: String)], body: [UInt8]) {
        self.headers = headers
        self.body = body
    }

    /// What there is of a header; the case of its name does not matter.
    func header(_ name: String) -> FoundHeader {
        var found = FoundHeader.missing
        for header in headers where Self.isSame(header.name, name) {
            guard case .missing = found else { return .twice }
            found = .once(header.value)
        }
        return found
    }

    /// Compares names of headers as HTTP does: letters of ASCII without their case, everything else exactly.
    private static func isSame(_ left: String, _ right: String) -> Bool {
        let (left, right) = (left.utf8, right.utf8)
        return left.count == right.count && zip(left, right).allSatisfy { lowered($0) == lowered($1) }
    }

    private static func lowered(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}

/// A header that a scheme looked for.
enum FoundHeader: Equatable {
    case missing
    case once(String)
    /// Two values of one name: which of them the sender meant, nobody knows.
    case twice
}
