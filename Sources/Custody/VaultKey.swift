/// A key of 256 bits with the name that sealed files call it by.
package struct VaultKey: Equatable, Sendable, CustomStringConvertible, CustomReflectable {
    /// Letters, digits, dots, dashes and underscores; at most 64 of them.
    package let id: String
    let bytes: [UInt8]

    /// - Throws: `keys` where the name or the digits are none; the digits are not repeated.
    package init(id: String, hexadecimal: String) throws(VaultError) {
        let isName = id.utf8.allSatisfy { byte in
            Character(Unicode.Scalar(byte)).isLetter || Character(Unicode.Scalar(byte)).isNumber
                || "._-".utf8.contains(byte)
        }
        guard isName, (1...64).contains(id.utf8.count), id.utf8.allSatisfy({ $0 < 0x80 }) else {
            throw VaultError(.keys, "\(id) is no name of a key: use up to 64 letters, digits, dots and dashes")
        }
        let digits = hexadecimal.utf8.compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
        guard digits.count == 64, hexadecimal.utf8.count == 64 else {
            throw VaultError(.keys, "key \(id) is not 64 hexadecimal digits; make one with: openssl rand -hex 32")
        }
        self.id = id
        bytes = stride(from: 0, to: 64, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    package var description: String { "key \(id)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// The keys of one file: the first seals, all of them open.
///
/// A rotation writes a new line above the others; a key whose files are all gone may be taken out.
package struct VaultKeyRing: Equatable, Sendable {
    /// Never empty.
    package let keys: [VaultKey]

    /// The one that seals.
    package var current: VaultKey { keys[0] }

    /// Reads lines `NAME DIGITS`; empty lines and those that begin with # are passed over.
    ///
    /// - Throws: `keys` with the line's number, where one is something else, a name comes twice, or there is none.
    package init(text: String, named name: String) throws(VaultError) {
        var keys: [VaultKey] = []
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split(whereSeparator: \.isWhitespace)
            if words.isEmpty || words[0].hasPrefix("#") { continue }
            guard words.count == 2 else {
                throw VaultError(
                    .keys,
                    "\(name):\(number + 1): expected the key's name, a space, and 64 hexadecimal digits"
                )
            }
            let key: VaultKey
            do throws(VaultError) {
                key = try VaultKey(id: String(words[0]), hexadecimal: String(words[1]))
            } catch {
                throw VaultError(.keys, "\(name):\(number + 1): \(error.reason)")
            }
            if keys.contains(where: { $0.id == key.id }) {
                throw VaultError(.keys, "\(name):\(number + 1): a second key of the name \(key.id)")
            }
            keys.append(key)
        }
        guard !keys.isEmpty else {
            throw VaultError(
                .keys,
                "\(name) holds no key; write one with: echo \"NAME $(openssl rand -hex 32)\" > \(name)"
            )
        }
        self.keys = keys
    }

    /// Reads a file that only its owner and group may read; it blocks.
    package static func load(_ path: String) throws(VaultError) -> VaultKeyRing {
        let text = try VaultFiles.smallText(path, code: .keys, isSecret: true)
        return try VaultKeyRing(text: text, named: path)
    }
}
