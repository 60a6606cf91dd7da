/// Writes the objects of a code one after another: two digits of tag, two of length, the value.
///
/// The length counts UTF-16 units, as the official SDKs do.
struct TLVWriter {
    private(set) var text = ""

    /// - Throws: `invalid` where the value has no length of two digits. Some SDKs then write three, and the code reads
    ///   as another one under a right checksum.
    mutating func add(_ tag: String, _ value: String) throws(KHQRError) {
        let length = value.utf16.count
        guard (1...99).contains(length) else {
            throw KHQRError(.invalid, "tag \(tag) would hold \(length) characters, and 1 to 99 can be written")
        }
        text += tag + (length < 10 ? "0" : "") + String(length) + value
    }

    mutating func add(_ tag: String, ifThere value: String?) throws(KHQRError) {
        if let value { try add(tag, value) }
    }

    /// The code's text: the checksum is over the bytes of everything before it, its own tag and length included.
    func closed() -> String {
        let body = text + "6304"
        return body + CRC16.text(of: body.utf8)
    }
}
