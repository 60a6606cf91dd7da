import Testing

@testable import Notices

@Suite("Parts of an SMS")
struct SMSPartsTests {
    private func parts(_ text: String) -> [Int] { SMSParts(text).parts.map(\.unicodeScalars.count) }

    @Test("160 characters of the GSM alphabet are one part, and one more makes two of 153")
    func gsm() {
        #expect(SMSParts("").parts == [""])
        #expect(parts(String(repeating: "a", count: 160)) == [160])
        #expect(parts(String(repeating: "a", count: 161)) == [153, 8])
        #expect(parts(String(repeating: "é", count: 306)) == [153, 153])
        #expect(parts(String(repeating: "@", count: 307)) == [153, 153, 1])
        #expect(SMSParts("$12.50 à Ω §").encoding == .gsm7)
    }

    @Test("A character of the extension table counts twice, and is not cut in two")
    func extended() {
        #expect(parts(String(repeating: "€", count: 80)) == [80])
        #expect(parts(String(repeating: "€", count: 81)) == [76, 5])
        let text = String(repeating: "a", count: 152) + "{" + String(repeating: "b", count: 10)
        #expect(parts(text) == [152, 11])
        #expect(SMSParts(text).units == 164)
    }

    @Test("One letter of Khmer makes it UCS-2: 70 alone, 67 a part")
    func khmer() {
        #expect(parts(String(repeating: "ក", count: 70)) == [70])
        #expect(parts(String(repeating: "ក", count: 71)) == [67, 4])
        #expect(parts(String(repeating: "a", count: 69) + "ក") == [70])
        #expect(SMSParts("12,000៛").encoding == .ucs2)
        #expect(SMSParts("a\u{A0}b").encoding == .ucs2)
        #expect(SMSParts("`").encoding == .ucs2)
    }

    @Test("A picture of two units is not cut in two")
    func surrogates() {
        #expect(parts(String(repeating: "😀", count: 35)) == [35])
        #expect(parts(String(repeating: "😀", count: 36)) == [33, 3])
        #expect(SMSParts(String(repeating: "😀", count: 36)).units == 72)
    }

    @Test("The parts together are the text, and each fits")
    func together() {
        var random = NoticeRandom(seed: NoticeOracle.seed)
        for _ in 0..<2_000 {
            let text = random.text(most: 400, extra: "\n€[]{}^|~")
            let sms = SMSParts(text)
            #expect(sms.parts.joined().unicodeScalars.elementsEqual(text.unicodeScalars), "seed \(NoticeOracle.seed)")
            let limit = sms.count == 1 ? sms.encoding.alone : sms.encoding.each
            for part in sms.parts where sms.encoding == .ucs2 {
                #expect(part.utf16.count <= limit, "seed \(NoticeOracle.seed)")
            }
            #expect(sms.encoding == .gsm7 || text.utf16.count == sms.units)
            #expect(sms.count == 1 || sms.parts.allSatisfy { !$0.isEmpty })
        }
    }
}
