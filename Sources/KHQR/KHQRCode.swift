/// A KHQR that was made: its exact text, and the keys by which Bakong finds its payment.
///
/// Keep all of it at creation. There is no canonical form: another order of tags, `1.5` for `1.50` or another
/// millisecond is another key, so a code is never made again to look it up.
package struct KHQRCode: Hashable, Sendable {
    /// What the picture encodes, in UTF-8.
    package let text: String
    /// The MD5 of the text's UTF-8 bytes, 32 lower-case hexadecimal digits: the key of `check_transaction_by_md5`.
    package let md5: String
    /// The MD5 of the text with `?` for every character outside ASCII, which NBC's C# samples take; nil where the text
    /// is ASCII, and the two are one.
    package let md5OfASCII: String?

    /// Two texts are one code only where their bytes are: `é` has more than one spelling in Unicode.
    package static func == (left: KHQRCode, right: KHQRCode) -> Bool {
        left.md5 == right.md5 && left.text.utf8.elementsEqual(right.text.utf8)
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(md5) }

    /// - Throws: `internalError` where OpenSSL gives no MD5.
    init(text: String) throws(KHQRError) {
        self.text = text
        let ascii = text.utf16.map { $0 < 0x80 ? UInt8($0) : UInt8(ascii: "?") }
        guard let md5 = MD5.text(of: text.utf8), let plain = MD5.text(of: ascii) else {
            throw KHQRError(.internalError, "this system's OpenSSL offers no MD5")
        }
        self.md5 = md5
        md5OfASCII = plain == md5 ? nil : plain
    }
}
