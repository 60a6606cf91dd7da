import CivilTime
import Glibc
import Testing

@testable import bursar

@Suite("The batch forms of khqr")
struct KHQRBatchTests {
    private func encoded(_ line: String) -> String {
        KHQRBatch.encoded(.text(line), at: Instant(secondsSinceEpoch: 1_769_580_000))
    }

    private static let made =
        #"{"qr":"00020101021229130009shop@bank520459995303116540450005802KH5904Shop6010Phnom Penh"#
        + #"993400131769580000000011317695806000006304"#
        + #"3709","md5":"b41763c61238b7b0396e4f888b6cb218"}"#

    @Test(
        "Names of the official SDK are read, amounts may be numbers, and a code made now says so",
        arguments: [
            #"{"account": "shop@bank", "merchant_name": "Shop", "amount": "5000", "expires_at_ms": 1769580600000}"#,
            #"{"bakongAccountID": "shop@bank", "merchantName": "Shop", "amount": 5000.0, "expirationTimestamp": "1769580600000", "currency": 116}"#,
            #"{"account_id": "shop@bank", "merchantName": "Shop", "amount": 5e3, "expires_at_ms": 1769580600000, "id": {"mine": [7]}, "merchant_city": null}"#,
        ]
    )
    func names(line: String) {
        #expect(encoded(line) == Self.made)
    }

    @Test(
        "A line that is wrong gets an error that says what",
        arguments: [
            (#"{"account": "shop@bank", "merchant_name": "Shop", "amout": "5"}"#, "null", #"did you mean \"amount\"?"#),
            (#"{"account": "a@b", "account_id": "c@d"}"#, "null", "are one field"),
            (#"{"account": ["a@b"]}"#, "null", #"\"account\" must be a text"#),
            (#"{"account": "a@b", "merchant_name": "x", "amount": true}"#, "4", "Amount is invalid"),
            (#"{"account": "a@b", "merchant_name": "x", "amount": 1e400}"#, "4", "Amount is invalid"),
            (#"{"account": "a@b", "merchant_name": "x", "amount": 0.1, "currency": "USD"}"#, "45", "Expiration"),
            (#"{"account": "a@b", "merchant_name": "x", "amount": "0.005", "currency": "USD"}"#, "4", "at most 2"),
            (#"{"account": "a@b", "merchant_name": "x", "currency": null}"#, "9", "Currency"),
            (#"{"account": "a@b", "merchant_name": "x", "currency": "116"}"#, "28", "Unsupported"),
            (#"{"account": "a@b", "merchant_name": "x", "language": {"code": "km"}}"#, "39", "Alternate"),
            (#"{"account": "a@b", "merchant_name": "x", "type": "shop"}"#, "5", "individual or merchant"),
            (#"["a@b"]"#, "null", "not an object"), ("nonsense", "null", "not an object"),
            (#"{"account": "a@b", "merchant_name": "\ud800"}"#, "null", "must be a text"),
        ]
    )
    func wrong(line: String, code: String, part: String) {
        let answer = encoded(line)
        #expect(answer.hasPrefix("{\"error\":{\"code\":\(code),\"message\":\""), "\(answer)")
        #expect(answer.contains(part), "\(answer)")
    }

    @Test("Lines that are no text are answered in their place")
    func unreadable() {
        let answers = [LineInput.Line.tooLong, .notUTF8].map { KHQRBatch.decoded($0, isVerifying: false, at: nil) }
        #expect(answers[0].contains("1 MiB") && answers[1].contains("UTF-8"))
    }

    @Test("What a code holds is quoted as JSON wants it")
    func quoting() {
        #expect(KHQRBatch.quoted("a\"\\\n\u{1}ក") == #""a\"\\\u000a\u0001ក""#)
    }

    @Test("Input is cut into lines wherever its pieces end; a long line is let go, and the last one needs no break")
    func lines() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { close(ends[0]) }
        var input = LineInput(descriptor: ends[0], longest: 8)
        func put(_ bytes: [UInt8]) { _ = bytes.withUnsafeBytes { write(ends[1], $0.baseAddress, $0.count) } }
        put(Array("one\ntw".utf8))
        #expect(input.next() == [.text("one")])
        put(Array("o\n\n123456789".utf8))
        #expect(input.next() == [.text("two"), .text("")])
        put(Array("0\n12345678\n".utf8) + [0xFF, 0x0A])
        #expect(input.next() == [.tooLong, .text("12345678"), .notUTF8])
        put(Array("last".utf8))
        #expect(input.next() == [])
        close(ends[1])
        #expect(input.next() == [.text("last")])
        #expect(input.next() == nil)
    }
}
