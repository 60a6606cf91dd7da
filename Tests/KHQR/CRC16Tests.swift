import KHQR
import Testing

@Test("The checksum of 123456789 is 29B1")
func checksumOfTheStandardText() { #expect(CRC16.of("123456789".utf8) == 0x29B1) }
