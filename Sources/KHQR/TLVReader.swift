/// Takes the objects of a code apart, in UTF-16 units, once from the beginning to the end.
struct TLVReader {
    /// An object: its tag from 0 to 99, and where its value stands.
    struct Object {
        let tag: Int
        let value: Range<Int>
    }

    /// What reads as no object.
    struct Break {
        let position: Int
        let reason: String
        /// Whether it is a second object of a tag.
        var isRepeat = false
    }

    let units: [UInt16]

    /// The objects of a range.
    ///
    /// - Returns: the objects up to the end or to the first break, at most one hundred, for two of one tag are a break.
    func objects(in range: Range<Int>) -> (found: [Object], end: Break?) {
        var found: [Object] = []
        var seen = Set<Int>()
        var position = range.lowerBound
        while position < range.upperBound {
            func stop(_ reason: String) -> ([Object], Break?) { (found, Break(position: position, reason: reason)) }
            guard let tag = number(at: position, before: range.upperBound) else { return stop("no tag of two digits") }
            guard let length = number(at: position + 2, before: range.upperBound) else {
                return stop("tag \(Self.text(of: tag)) has no length of two digits")
            }
            let left = range.upperBound - position - 4
            guard length <= left else {
                return stop("tag \(Self.text(of: tag)) says it has \(length) characters, and \(left) are left")
            }
            guard seen.insert(tag).inserted else {
                let reason = "tag \(Self.text(of: tag)) stands there twice"
                return (found, Break(position: position, reason: reason, isRepeat: true))
            }
            let value = position + 4..<position + 4 + length
            guard !splitsCharacter(at: value.lowerBound), !splitsCharacter(at: value.upperBound) else {
                return stop("tag \(Self.text(of: tag)) ends inside of a character")
            }
            found.append(Object(tag: tag, value: value))
            position = value.upperBound
        }
        return (found, nil)
    }

    func text(in range: Range<Int>) -> String { String(decoding: units[range], as: UTF16.self) }

    static func text(of tag: Int) -> String { tag < 10 ? "0\(tag)" : "\(tag)" }

    /// The number of two ASCII digits.
    private func number(at position: Int, before end: Int) -> Int? {
        guard position + 2 <= end else { return nil }
        let digits = units[position..<position + 2].map { Int($0) - 0x30 }
        guard digits.allSatisfy((0...9).contains) else { return nil }
        return digits[0] * 10 + digits[1]
    }

    /// Whether a pair of surrogates stands across a position.
    private func splitsCharacter(at position: Int) -> Bool {
        position > 0 && position < units.count && UTF16.isTrailSurrogate(units[position])
    }
}
