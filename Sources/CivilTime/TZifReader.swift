/// One kind of local time of a zone file: its distance from UTC, and what it is called.
struct LocalTimeKind: Hashable, Sendable {
    /// Seconds east of UTC.
    let offset: Int
    let isDaylightSaving: Bool
    let abbreviation: String
}

/// The content of a TZif file (RFC 9636), versions 1 to 4.
struct TZifContent: Sendable {
    /// Seconds since the epoch at which a kind begins to hold, ascending.
    var transitions: [(at: Int, kind: Int)] = []
    /// The first one holds before the first transition.
    var kinds: [LocalTimeKind] = []
    /// The rule after the last transition; nil where the file has none (version 1) or leaves it open.
    var rule: POSIXZoneRule?
}

/// Reads a TZif file's bytes strictly: every count and index is checked, no byte is trusted.
struct TZifReader {
    private let bytes: [UInt8]
    private var position = 0

    /// What went wrong, for `ZoneError.malformed`.
    struct Failure: Error {
        let reason: String
    }

    private struct Header {
        let version: UInt8
        let indicatorsUT: Int
        let indicatorsStandard: Int
        let leapSeconds: Int
        let transitions: Int
        let kinds: Int
        let abbreviations: Int

        /// Bytes of the block that follows, with times of so many bytes.
        func blockSize(timeSize: Int) -> Int {
            transitions * (timeSize + 1) + kinds * 6 + abbreviations + leapSeconds * (timeSize + 4)
                + indicatorsStandard + indicatorsUT
        }
    }

    static func content(of bytes: [UInt8]) throws(Failure) -> TZifContent {
        var reader = TZifReader(bytes: bytes)
        return try reader.content()
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private mutating func content() throws(Failure) -> TZifContent {
        let first = try header()
        guard first.version >= UInt8(ascii: "2") else { return try block(first, timeSize: 4) }
        // From version 2 on, the first block is a 32-bit shadow of the second.
        position += first.blockSize(timeSize: 4)
        var content = try block(try header(), timeSize: 8)
        content.rule = try footer()
        return content
    }

    private mutating func header() throws(Failure) -> Header {
        guard position + 44 <= bytes.count, bytes[position..<position + 4].elementsEqual("TZif".utf8) else {
            throw Failure(reason: "it is no TZif file")
        }
        let version = bytes[position + 4]
        position += 20
        let header = Header(
            version: version,
            indicatorsUT: integer(size: 4),
            indicatorsStandard: integer(size: 4),
            leapSeconds: integer(size: 4),
            transitions: integer(size: 4),
            kinds: integer(size: 4),
            abbreviations: integer(size: 4)
        )
        let counts = [
            header.indicatorsUT, header.indicatorsStandard, header.leapSeconds, header.transitions, header.kinds,
            header.abbreviations,
        ]
        guard counts.allSatisfy({ (0...100_000).contains($0) }), (1...256).contains(header.kinds) else {
            throw Failure(reason: "its header is damaged")
        }
        guard header.leapSeconds == 0 else {
            throw Failure(reason: "it counts leap seconds, as the zones under right/ do; use the plain name")
        }
        return header
    }

    private mutating func block(_ header: Header, timeSize: Int) throws(Failure) -> TZifContent {
        guard position + header.blockSize(timeSize: timeSize) <= bytes.count else {
            throw Failure(reason: "it is cut short")
        }
        let times = (0..<header.transitions).map { _ in integer(size: timeSize) }
        let indices = (0..<header.transitions).map { _ in integer(size: 1) & 0xFF }
        guard zip(times, times.dropFirst()).allSatisfy({ $0 < $1 }), indices.allSatisfy({ $0 < header.kinds }) else {
            throw Failure(reason: "its transitions are out of order")
        }
        let records = (0..<header.kinds).map { _ in
            (offset: integer(size: 4), flag: integer(size: 1), name: integer(size: 1) & 0xFF)
        }
        let names = bytes[position..<position + header.abbreviations]
        position += header.abbreviations + header.indicatorsStandard + header.indicatorsUT
        var content = TZifContent(transitions: Array(zip(times, indices).map { (at: $0, kind: $1) }))
        for record in records {
            guard abs(record.offset) <= 26 * 3_600, record.name < names.count else {
                throw Failure(reason: "a kind of local time in it is impossible")
            }
            let name = names.dropFirst(record.name).prefix { $0 != 0 }
            content.kinds.append(
                LocalTimeKind(
                    offset: record.offset,
                    isDaylightSaving: record.flag != 0,
                    abbreviation: String(decoding: name, as: UTF8.self)
                )
            )
        }
        return content
    }

    private func footer() throws(Failure) -> POSIXZoneRule? {
        let newline = UInt8(ascii: "\n")
        guard position < bytes.count, bytes[position] == newline,
            let end = bytes[(position + 1)...].firstIndex(of: newline)
        else { throw Failure(reason: "its footer is missing") }
        let text = bytes[position + 1..<end]
        if text.isEmpty { return nil }
        guard let rule = POSIXZoneRule(parsing: text) else {
            throw Failure(reason: "its footer \"\(String(decoding: text, as: UTF8.self))\" is no POSIX rule")
        }
        return rule
    }

    /// A signed big-endian number; the caller has checked that the bytes are there.
    private mutating func integer(size: Int) -> Int {
        var value: UInt64 = 0
        for byte in bytes[position..<position + size] { value = value << 8 | UInt64(byte) }
        position += size
        let unused = 64 - size * 8
        return Int(Int64(bitPattern: value << UInt64(unused)) >> Int64(unused))
    }
}
