package import CivilTime

/// A secret of a source, as its sender shows it, with the time in which it counts.
///
/// It never shows itself: printed or logged, it is its fingerprint.
package struct WebhookSecret: Sendable, Equatable {
    /// The secret's text as bytes: `whsec_…`, a shared phrase, an API key, or a public key `whpk_…`.
    let bytes: [UInt8]

    /// From when on it counts, inclusive; nil: since ever.
    package let validFrom: Instant?

    /// Until when it counts, exclusive; nil: for ever.
    package let validUntil: Instant?

    /// A secret as it stands in a file: line ends after it are not part of it, blanks are.
    package init(_ text: String, validFrom: Instant? = nil, validUntil: Instant? = nil) {
        self.init(bytes: Array(text.utf8), validFrom: validFrom, validUntil: validUntil)
    }

    /// A secret from the bytes of its file: line ends after it are not part of it, blanks are.
    package init(bytes: [UInt8], validFrom: Instant? = nil, validUntil: Instant? = nil) {
        var bytes = bytes
        while let last = bytes.last, last == 0x0A || last == 0x0D { bytes.removeLast() }
        self.bytes = bytes
        self.validFrom = validFrom
        self.validUntil = validUntil
    }

    /// The first 8 hexadecimal digits of the secret's SHA-256: enough to tell two secrets apart, too little to guess one.
    package var fingerprint: String { String(SignatureText.hex(SignatureCrypto.sha256(bytes)).prefix(8)) }

    /// Whether it counts at that instant.
    package func isValid(at now: Instant) -> Bool {
        validFrom.map { $0 <= now } ?? true && validUntil.map { now < $0 } ?? true
    }
}

extension WebhookSecret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "secret \(fingerprint)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["fingerprint": fingerprint]) }
}
