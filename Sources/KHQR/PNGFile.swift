/// A PNG file of one bit a pixel (ISO/IEC 15948), 1 for white.
enum PNGFile {
    /// The first byte of a line that has its own pixels.
    static let asItIs: UInt8 = 0
    /// The first byte of a line that has the differences to the one above.
    static let sameAsAbove: UInt8 = 2

    /// The file of lines, of which each is the byte of its kind, then its pixels, eight to a byte.
    static func blackAndWhite(width: Int, height: Int, lines: [UInt8]) -> [UInt8] {
        let size = bigEndian(UInt32(width)) + bigEndian(UInt32(height))
        let oneBitGrey: [UInt8] = [1, 0, 0, 0, 0]
        return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + chunk("IHDR", size + oneBitGrey)
            + chunk("IDAT", zlib(lines)) + chunk("IEND", [])
    }

    private static func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
        let checked = Array(name.utf8) + content
        return bigEndian(UInt32(content.count)) + checked + bigEndian(crc32(checked))
    }

    /// The bytes as a zlib stream (RFC 1950).
    private static func zlib(_ bytes: [UInt8]) -> [UInt8] {
        [0x78, 0x01] + RunDeflate.block(of: bytes) + bigEndian(adler32(bytes))
    }

    private static func bigEndian(_ number: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    }

    private static func crc32(_ bytes: [UInt8]) -> UInt32 {
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0xEDB8_8320 }
        }
        return ~crc
    }

    private static func adler32(_ bytes: [UInt8]) -> UInt32 {
        var (low, high): (UInt32, UInt32) = (1, 0)
        for byte in bytes {
            low = (low + UInt32(byte)) % 65_521
            high = (high + low) % 65_521
        }
        return high << 16 | low
    }
}

/// DEFLATE (RFC 1951) in one block of fixed codes that shortens nothing but runs of one byte: enough for a picture whose
/// lines repeat, and small enough to be seen through.
enum RunDeflate {
    static func block(of bytes: [UInt8]) -> [UInt8] {
        var bits = BitWriter()
        bits.add(1, count: 1)  // the last block
        bits.add(1, count: 2)  // fixed codes
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            addLiteral(byte, &bits)
            index += 1
            var run = bytes[index...].prefix { $0 == byte }.count
            while run >= 3 {
                let length = run >= 258 ? 258 : min(run, 10)
                addRepeat(length, &bits)
                run -= length
                index += length
            }
        }
        bits.addCode(0, count: 7)  // the end
        return bits.closed()
    }

    private static func addLiteral(_ byte: UInt8, _ bits: inout BitWriter) {
        if byte < 144 {
            bits.addCode(0x30 + UInt32(byte), count: 8)
        } else {
            bits.addCode(0x190 + UInt32(byte) - 144, count: 9)
        }
    }

    /// The byte before, so many times more: 3 to 10, or 258, the lengths that need no further bits.
    private static func addRepeat(_ length: Int, _ bits: inout BitWriter) {
        if length == 258 {
            bits.addCode(0xC5, count: 8)
        } else {
            bits.addCode(UInt32(length - 2), count: 7)
        }
        bits.addCode(0, count: 5)  // one byte back
    }

    /// Bits from the lowest of each byte upwards.
    private struct BitWriter {
        private var bytes: [UInt8] = []
        private var pending: UInt8 = 0
        private var filled = 0

        /// A number, its lowest bit first.
        mutating func add(_ value: UInt32, count: Int) {
            for place in 0..<count { add(bit: value >> UInt32(place) & 1) }
        }

        /// A Huffman code, its highest bit first.
        mutating func addCode(_ value: UInt32, count: Int) {
            for place in (0..<count).reversed() { add(bit: value >> UInt32(place) & 1) }
        }

        private mutating func add(bit: UInt32) {
            pending |= UInt8(bit) << UInt8(filled)
            filled += 1
            guard filled == 8 else { return }
            bytes.append(pending)
            (pending, filled) = (0, 0)
        }

        func closed() -> [UInt8] { filled == 0 ? bytes : bytes + [pending] }
    }
}
