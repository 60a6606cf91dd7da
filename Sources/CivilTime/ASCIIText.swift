/// A cursor over the bytes of a short text, for the strict readers of dates, instants and zone rules.
struct ASCIIReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: some StringProtocol) {
        bytes = Array(text.utf8)
    }

    init(bytes: some Sequence<UInt8>) {
        self.bytes = Array(bytes)
    }

    var isAtEnd: Bool { position == bytes.count }
    var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// Steps over the character if it is the next one.
    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    /// Exactly so many digits.
    mutating func number(digits: Int) -> Int? {
        guard position + digits <= bytes.count else { return nil }
        var value = 0
        for byte in bytes[position..<position + digits] {
            guard let digit = Self.digit(byte) else { return nil }
            value = value * 10 + digit
        }
        position += digits
        return value
    }

    /// One digit up to so many.
    mutating func number(upToDigits limit: Int) -> Int? {
        var value = 0
        var count = 0
        while count < limit, let byte = next, let digit = Self.digit(byte) {
            value = value * 10 + digit
            position += 1
            count += 1
        }
        return count == 0 ? nil : value
    }

    /// Everything up to the first byte that fails the test.
    mutating func text(while holds: (UInt8) -> Bool) -> String {
        let start = position
        while let byte = next, holds(byte) { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> Int? {
        let value = byte &- UInt8(ascii: "0")
        return value <= 9 ? Int(value) : nil
    }
}

/// Writes dates and times into the storage of a string under construction.
struct ASCIIWriter {
    private let buffer: UnsafeMutableBufferPointer<UInt8>
    private(set) var count = 0

    init(_ buffer: UnsafeMutableBufferPointer<UInt8>) {
        self.buffer = buffer
    }

    mutating func character(_ scalar: Unicode.Scalar) {
        buffer[count] = UInt8(ascii: scalar)
        count += 1
    }

    mutating func number(_ value: Int, digits: Int) {
        var rest = value
        for index in stride(from: count + digits - 1, through: count, by: -1) {
            buffer[index] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
        count += digits
    }

    /// `2026-01-31`; a year beyond 9999 or before 1 is written with its sign and six digits.
    mutating func date(_ dayNumber: Int) {
        let (year, month, day) = CivilCalendar.date(ofDay: dayNumber)
        if (0...9999).contains(year) {
            number(year, digits: 4)
        } else {
            character(year < 0 ? "-" : "+")
            number(abs(year), digits: 6)
        }
        character("-")
        number(month, digits: 2)
        character("-")
        number(day, digits: 2)
    }

    mutating func dateTime(_ localSeconds: Int, separator: Unicode.Scalar) {
        let days = CivilCalendar.floorDivide(localSeconds, 86_400)
        let seconds = localSeconds - days * 86_400
        date(days)
        character(separator)
        number(seconds / 3_600, digits: 2)
        character(":")
        number(seconds / 60 % 60, digits: 2)
        character(":")
        number(seconds % 60, digits: 2)
    }

    /// `+07:00`, with seconds where a zone of old had them.
    mutating func offset(_ seconds: Int) {
        character(seconds < 0 ? "-" : "+")
        let size = abs(seconds)
        number(size / 3_600, digits: 2)
        character(":")
        number(size / 60 % 60, digits: 2)
        if size % 60 != 0 {
            character(":")
            number(size % 60, digits: 2)
        }
    }
}
