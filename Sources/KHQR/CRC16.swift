/// The checksum of an EMVCo QR: CRC-16/CCITT-FALSE over the UTF-8 bytes up to and including `6304`.
///
/// Polynomial 0x1021, initial value 0xFFFF, nothing reflected, no final xor; `123456789` gives 0x29B1. It finds slips of
/// a reader. It proves nothing about who made a code: anybody can reckon it.
package enum CRC16 {
    package static func of(_ bytes: some Sequence<UInt8>) -> UInt16 {
        var crc: UInt16 = 0xFFFF
        for byte in bytes {
            crc ^= UInt16(byte) << 8
            for _ in 0..<8 { crc = crc & 0x8000 == 0 ? crc << 1 : crc << 1 ^ 0x1021 }
        }
        return crc
    }

    /// The checksum as tag 63 has it: four upper-case hexadecimal digits.
    package static func text(of bytes: some Sequence<UInt8>) -> String {
        let digits = String(of(bytes), radix: 16, uppercase: true)
        return String(repeating: "0", count: 4 - digits.utf8.count) + digits
    }
}
