/// Cuts bytes into the records of a CSV file (RFC 4180), piece by piece as they come.
///
/// A field in quotes may hold delimiters, line breaks and doubled quotes. Lines end with LF, CRLF or CR; blank lines are no
/// records. A byte order mark at the start is left out. What breaks the rules becomes a fault of its record, and reading goes
/// on with the next line.
package struct CSVReader: Sendable {
    /// One record, or why it is none.
    package struct Record: Equatable, Sendable {
        /// Of its first byte, from 1.
        package var line: Int
        package var fields: [String]
        /// Why it must not be used.
        package var fault: String?
    }

    /// Longer records are faults: a quote that is never closed must not swallow the file.
    package static let longest = 64 << 10

    private enum State { case fieldStart, plain, quoted, quoteInQuoted, skipping }

    private let delimiter: UInt8
    private var state = State.fieldStart
    private var field: [UInt8] = []
    private var fields: [String] = []
    private var fault: String?
    private var size = 0
    private var line = 1
    private var firstLine = 1
    private var lastWasCR = false
    /// How much of a byte order mark has come; nil once something else has.
    private var mark: Int? = 0

    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    package init(delimiter: UInt8 = UInt8(ascii: ",")) { self.delimiter = delimiter }

    /// Reads the next bytes; each record that ends in them goes to `take`.
    package mutating func read(_ bytes: [UInt8], _ take: (Record) throws -> Void) rethrows {
        for byte in bytes {
            if let matched = mark {
                if byte == Self.byteOrderMark[matched] {
                    mark = matched == 2 ? nil : matched + 1
                    continue
                }
                mark = nil
                for held in Self.byteOrderMark.prefix(matched) { try read(held, take) }
            }
            try read(byte, take)
        }
    }

    private mutating func read(_ byte: UInt8, _ take: (Record) throws -> Void) rethrows {
        let isRestOfBreak = lastWasCR && byte == 10
        lastWasCR = byte == 13
        if isRestOfBreak, state != .quoted { return }
        if let record = next(byte) { try take(record) }
        if byte == 13 || byte == 10 && !isRestOfBreak { line += 1 }
        if isStart { firstLine = line }
    }

    /// Ends the file; the last record needs no line break.
    package mutating func finish(_ take: (Record) throws -> Void) rethrows {
        if state == .quoted { fault = fault ?? "the quote that it opens is never closed" }
        guard !isStart || fault != nil else { return }
        try take(endRecord())
    }

    private var isStart: Bool { state == .fieldStart && fields.isEmpty && field.isEmpty && size == 0 }

    private mutating func next(_ byte: UInt8) -> Record? {
        let isBreak = byte == 10 || byte == 13
        switch state {
        case .fieldStart where isBreak && fields.isEmpty: return nil
        case .fieldStart where byte == UInt8(ascii: "\""):
            state = .quoted
            size += 1
            return nil
        case .quoted where byte == UInt8(ascii: "\""): state = .quoteInQuoted
        case .quoted: append(byte)
        case .quoteInQuoted where byte == UInt8(ascii: "\""):
            append(byte)
            state = .quoted
        case _ where isBreak: return endRecord()
        case .skipping: break
        case _ where byte == delimiter: endField()
        case .quoteInQuoted: refuse("text follows a closing quote")
        case .plain where byte == UInt8(ascii: "\""):
            refuse("a quote stands inside a field that does not begin with one")
        case .fieldStart, .plain:
            state = .plain
            append(byte)
        }
        return nil
    }

    private mutating func append(_ byte: UInt8) {
        field.append(byte)
        size += 1
        if size > Self.longest { refuse("it is longer than \(Self.longest) bytes: is a quote not closed?") }
    }

    private mutating func refuse(_ why: String) {
        fault = fault ?? why
        state = .skipping
    }

    private mutating func endField() {
        if let text = String(validating: field, as: UTF8.self) {
            fields.append(text)
        } else {
            fields.append(String(decoding: field, as: UTF8.self))
            fault = fault ?? "column \(fields.count) is not UTF-8"
        }
        field.removeAll(keepingCapacity: true)
        size += 1
        state = .fieldStart
    }

    private mutating func endRecord() -> Record {
        endField()
        let record = Record(line: firstLine, fields: fields, fault: fault)
        fields.removeAll(keepingCapacity: true)
        fault = nil
        size = 0
        state = .fieldStart
        return record
    }
}
