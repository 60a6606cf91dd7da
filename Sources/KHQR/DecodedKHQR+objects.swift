/// How a text becomes objects: one pass over the text, and one over each template.
extension DecodedKHQR {
    /// Far above what the fields of a KHQR add up to; whatever is longer is not looked at.
    private static let longest = 32_768

    static func objects(of text: String) throws(KHQRError) -> [Object] {
        guard text.utf8.count >= 12 else { throw KHQRError(.invalid, "it is shorter than any code") }
        guard text.utf8.count <= longest else { throw KHQRError(.invalid, "it is longer than any code") }
        let reader = TLVReader(units: Array(text.utf16))
        let (found, end) = reader.objects(in: 0..<reader.units.count)
        let checksum = found.first { $0.tag == 63 }
        if let checksum, checksum.value.count != 4 {
            throw KHQRError(.checksumLength, "it has \(checksum.value.count) characters, and 4 are right")
        }
        if let end {
            // What begins with an object, but not with this one, is something else than a KHQR.
            if let first = found.first, first.tag != 0 { throw KHQRError(.formatIndicatorMissing) }
            throw fault(end, reader, hasChecksum: checksum != nil)
        }
        var objects: [Object] = []
        for object in found {
            objects.append(Object(tag: TLVReader.text(of: object.tag), value: try value(of: object, reader)))
        }
        return objects
    }

    /// Why the objects end before the text does.
    ///
    /// A checksum of another length, and one that lost its tag, have codes of their own.
    private static func fault(_ end: TLVReader.Break, _ reader: TLVReader, hasChecksum: Bool) -> KHQRError {
        let rest = Array(reader.text(in: end.position..<reader.units.count).utf8)
        if !hasChecksum, rest.starts(with: "63".utf8) { return KHQRError(.checksumLength) }
        if !hasChecksum, rest.count == 4, rest.allSatisfy(\.isHexadecimalDigit) { return KHQRError(.checksumMissing) }
        return KHQRError(.invalid, "at character \(end.position + 1), \(end.reason)")
    }

    private static func value(of object: TLVReader.Object, _ reader: TLVReader) throws(KHQRError) -> Value {
        let text = reader.text(in: object.value)
        guard isTemplate(object.tag) else { return .text(text) }
        let (found, end) = reader.objects(in: object.value)
        guard let end else {
            guard !found.isEmpty else { throw KHQRError(.invalid, "tag \(TLVReader.text(of: object.tag)) is empty") }
            return .template(found.map { Field(tag: TLVReader.text(of: $0.tag), text: reader.text(in: $0.value)) })
        }
        // A bank may put into its own template what it likes, and old codes have a bare number in 99.
        let isOurs = [29, 30, 62, 64].contains(object.tag)
        guard !isOurs, !end.isRepeat else {
            let place = "at character \(end.position + 1), inside of tag \(TLVReader.text(of: object.tag))"
            throw KHQRError(.invalid, "\(place), \(end.reason)")
        }
        return .text(text)
    }

    /// Accounts of all schemes, additional data, other languages, and what EMVCo leaves to others.
    private static func isTemplate(_ tag: Int) -> Bool {
        (26...51).contains(tag) || tag == 62 || tag == 64 || (80...99).contains(tag)
    }
}

extension UInt8 {
    fileprivate var isHexadecimalDigit: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) || (UInt8(ascii: "A")...UInt8(ascii: "F")).contains(self)
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self)
    }
}
