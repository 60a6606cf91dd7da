import CivilTime
import KHQR
import Testing

@Suite("KHQR by the vectors")
struct KHQRVectorTests {
    @Test("Every row of the vectors is read")
    func count() {
        #expect(KHQRVector.all.count == 98)
        #expect(KHQRVector.codes.count == 54 && KHQRVector.all.filter { $0.kind == "error" }.count == 42)
    }

    @Test("The checksum of a text is what the vectors say", arguments: KHQRVector.all.filter { $0.kind == "crc" })
    func checksum(row: KHQRVector) {
        #expect(CRC16.text(of: row.inputText.utf8) == row.expectedChecksum)
    }

    @Test(
        "A code is read as the vectors say: tags, MD5, and whether its checksum is right",
        arguments: KHQRVector.codes
    )
    func decode(row: KHQRVector) throws {
        guard !row.isBroken else {
            #expect(throws: KHQRError.self) { try DecodedKHQR(row.qr) }
            return
        }
        let code = try DecodedKHQR(row.qr)
        #expect(code.asJSON == row.decoded)
        #expect(code.code.md5 == row.md5)
        #expect(code.code.md5OfASCII == row.md5OfASCII)
        #expect(code.hasRightChecksum == row.isChecksumRight)
        #expect(code.expectedChecksum == row.expectedChecksum)
    }

    @Test(
        "A code is judged as the official verifiers judge it",
        arguments: KHQRVector.codes.filter { !$0.isBroken }
    )
    func verify(row: KHQRVector) throws {
        let objection = try DecodedKHQR(row.qr).objection(at: nil)?.code
        let remarks = row.lint.joined(separator: " ")
        switch true {
        case !row.isChecksumRight: #expect(objection == .invalid)
        case remarks.contains("verify 45"): #expect(objection == .expiryMissing)
        case remarks.contains("E-54"), row.id == "bk-023": #expect(objection == .amountInvalid)
        case remarks.contains("account-without-@"): #expect(objection == .accountInvalid)
        default: #expect(objection == nil)
        }
    }

    @Test(
        "A code is made, or refused with the official code, as the vectors and their remarks say",
        arguments: KHQRVector.all.filter { $0.draft != nil }
    )
    func encode(row: KHQRVector) throws {
        let draft = try #require(row.draft)
        switch row.answer {
        case .same:
            let code = try draft.code()
            #expect(code.text == row.qr && code.md5 == row.md5)
            #expect(code.md5OfASCII == row.md5OfASCII)
        case .tags(let tags):
            let code = try DecodedKHQR(verifying: draft.code().text, at: nil)
            for (tag, value) in tags { #expect(code.asJSON[tag] == value, "tag \(tag)") }
        case .error(let expected):
            let error = #expect(throws: KHQRError.self) { try draft.code() }
            #expect(error?.code == expected)
        }
    }
}
