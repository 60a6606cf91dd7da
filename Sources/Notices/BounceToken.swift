/// The word by which a mail that comes back tells which message it was: it goes into the envelope's sender,
/// `bounces+TOKEN@house`, and is signed, so that nobody can suppress an address by making one up.
package enum BounceToken {
    private static let signatureBytes = 8

    /// The token of a message, by its number: at most 26 letters and digits, the same each time.
    package static func make(message: Int64, key: ReturnKey) -> String {
        let number = withUnsafeBytes(of: message.bigEndian) { Array($0) }
        let content = Array(number.drop { $0 == 0 })
        return Base32Text.encode(content + key.signature(of: content, for: .bounce, bytes: signatureBytes))
    }

    /// The message of a token; nil where it is none of ours.
    package static func read(_ token: some StringProtocol, key: ReturnKey) -> Int64? {
        guard token.utf8.count <= 40, let bytes = Base32Text.decode(token),
            let content = key.content(ofToken: bytes, for: .bounce, signatureBytes: signatureBytes),
            content.count <= 8, content.first != 0
        else { return nil }
        let number = content.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return Int64(exactly: number)
    }

    /// The message of the first address of ours, such as `bounces+TOKEN@house`, in a text of addresses.
    static func find(in text: String, key: ReturnKey) -> Int64? {
        var rest = text[...]
        while let plus = rest.firstIndex(of: "+") {
            let after = rest[rest.index(after: plus)...]
            let token = after.prefix { $0.isASCII && ($0.isLetter || $0.isNumber) }
            if after[token.endIndex...].first == "@", let message = read(token, key: key) { return message }
            rest = after
        }
        return nil
    }
}
