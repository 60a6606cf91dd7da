import Foundation
import Testing
import Webhooks

@Suite("What PayWay signs: values as PHP prints them")
struct PHPPrintingTests {
    private func message(_ body: String, precision: Int = 14) -> String? {
        PayWayPushback.message(of: Array(body.utf8), precision: precision).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(
        "A number at the top is rounded to 14 digits and loses its zeros; a whole one stays exact",
        arguments: [
            ("0", "0"), ("-0", "0"), ("-0.0", "-0"), ("100.0", "100"), ("0.10", "0.1"), ("12.50", "12.5"),
            ("1e25", "1.0E+25"), ("1.5e25", "1.5E+25"), ("0.0001", "0.0001"), ("0.00001", "1.0E-5"),
            ("-1.25e-10", "-1.25E-10"), ("0.30000000000000004", "0.3"), ("1.0000000000005", "1.0000000000005"),
            ("99999999999999.9", "1.0E+14"), ("99999999999999", "99999999999999"),
            ("12345678901234.5", "12345678901234"),
            ("123456789012345.0", "1.2345678901234E+14"), ("9223372036854775807", "9223372036854775807"),
            ("9223372036854775808", "9.2233720368548E+18"), ("-9223372036854775808", "-9223372036854775808"),
            ("1e999", "INF"), ("-1e999", "-INF"), ("1e-999", "0"), ("5e-324", "4.9406564584125E-324"), ("2E+3", "2000"),
            ("1e100", "1.0E+100"), ("1e14", "1.0E+14"), ("1e13", "10000000000000"),
        ]
    )
    func numbers(text: String, printed: String) {
        #expect(message("{\"a\":\(text)}") == printed)
    }

    @Test("A number of many digits is rounded once, by all of them")
    func manyDigits() {
        let zeros = String(repeating: "0", count: 100_000)
        for (text, printed) in [
            ("9007199254740993.\(zeros)", "9007199254740992"), ("9007199254740993.\(zeros)1", "9007199254740994"),
            ("0.\(zeros)25e100000", "0.25"), ("25\(zeros)e-100001", "2.5"), ("-1\(zeros).5e-100000", "-1"),
            ("1e-\(zeros)1", "0.10000000000000001"), ("1\(zeros)", "INF"), ("-0.\(zeros)1", "-0"),
            ("1e9\(zeros)", "INF"), ("1e-9\(zeros)", "0"), ("0.\(zeros)e5", "0"),
        ] {
            #expect(message("{\"a\":\(text)}", precision: 17) == printed, "\(text.prefix(20))…")
        }
    }

    @Test("The sender's precision can be another")
    func precision() {
        #expect(message("{\"a\":0.1}", precision: 17) == "0.10000000000000001")
        #expect(message("{\"a\":123.45}", precision: 2) == "1.2E+2")
        #expect(message("{\"a\":0.96}", precision: 1) == "1")
    }

    @Test(
        "Lists and objects are written as json_encode writes them",
        arguments: [
            (#"{"x/y":"ក/é\"\\"}"#, #"{"x\/y":"\u1780\/\u00e9\"\\"}"#), (#"["😀"]"#, #"["\ud83d\ude00"]"#),
            ("[0.1, 100.0, 1e25, 1e17, 1e16, 0.00001]", "[0.1,100,1.0e+25,1.0e+17,10000000000000000,1.0e-5]"),
            ("[0.30000000000000004, -0.0, 123456789.12345678]", "[0.30000000000000004,-0,123456789.12345678]"),
            ("[18446744073709551616]", "[1.8446744073709552e+19]"), ("[null, true, false]", "[null,true,false]"),
            (#"{"0":"a","1":"b"}"#, #"["a","b"]"#), (#"{"1":"a","0":"b"}"#, #"{"1":"a","0":"b"}"#),
            (#"{"00":"a"}"#, #"{"00":"a"}"#), (#"{"":1}"#, #"{"":1}"#), ("{}", "[]"), ("[[],{}]", "[[],[]]"),
            (#"{"b":1,"a":2,"b":3}"#, #"{"b":3,"a":2}"#),
            (#"["\u0000\u001f\u007f\b\f\n\r\t"]"#, "[\"\\u0000\\u001f\u{7F}\\b\\f\\n\\r\\t\"]"),
            ("[1e999]", ""), (#"["\u2028<&'>"]"#, #"["\u2028<&'>"]"#),
        ]
    )
    func nested(json: String, printed: String) {
        #expect(message("{\"a\":\(json)}") == printed)
    }

    @Test(
        "Keys are in PHP 8's order, and of two equal ones the last value counts",
        arguments: [
            (#"{"b":1,"a":2,"B":3,"A":4}"#, "4321"), (#"{"10":1,"9":2,"b":3}"#, "213"), (#"{"a":1,"a":2}"#, "2"),
            (#"{"1":1,"a":2,"1":3}"#, "32"), (#"{"-5":1,"3":2,"-10":3}"#, "312"), (#"{"1.5":1,"1":2,"2":3}"#, "213"),
            (#"{"a":1,"":2}"#, "21"), (#"{"1e1":1,"9":2,"11":3}"#, "213"), (#"{" 2":1,"1":2,"3 ":3}"#, "213"),
            (#"{"1.0":1,"1":2}"#, "12"), (#"{"1":2,"1.0":1}"#, "21"), (#"{"é":1,"z":2}"#, "21"),
            (#"{"ab":1,"a":2}"#, "21"),
            (#"{"9223372036854775808":1,"9223372036854775807":2}"#, "12"),
            (#"{"tran_id":1,"tran":2,"tran1":3}"#, "231"),
        ]
    )
    func order(body: String, printed: String) {
        #expect(message(body) == printed)
    }

    @Test(
        "What PHP would not read is refused, and so is what is no object",
        arguments: [
            "", " ", "null", "1", "[1]", "\"a\"", "{", "{}}", "{} x", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}",
            "{a:1}",
            "{'a':1}", "{\"a\":01}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":+1}", "{\"a\":1e}", "{\"a\":-}", "{\"a\":NaN}",
            "{\"a\":True}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\\udc00\"}",
            "{\"a\":\"\\ud800\\u0041\"}", "{\"a\":\"\n\"}", "{\"a\":1}\u{0}", "\u{FEFF}{}", "{\"a\":\u{A0}1}",
            "{\"a\":[1,]}",
            "{\"a\":[1 2]}", "{\"a\":1 \"b\":2}", "{\"a\" 1}", "{\"a\":\"", "{\"a\":tru}", "// {}", "{/**/}",
        ]
    )
    func refused(body: String) {
        #expect(message(body) == nil)
    }

    @Test("Bytes that are no UTF-8 are refused, in keys and in values")
    func encoding() {
        for bytes in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE1, 0x9E]] as [[UInt8]] {
            let quoted = [UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")]
            #expect(PayWayPushback.message(of: Array("{\"a\":".utf8) + quoted + Array("}".utf8)) == nil)
            #expect(PayWayPushback.message(of: Array("{".utf8) + quoted + Array(":1}".utf8)) == nil)
        }
    }

    @Test("Nesting is followed as deep as PHP follows it, and no deeper")
    func depth() {
        func nested(_ depth: Int) -> String {
            "{\"a\":" + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "}"
        }
        #expect(message(nested(511))?.count == 1_022)
        #expect(message(nested(512)) == nil)
        #expect(message("{\"a\":" + String(repeating: "[", count: 250_000)) == nil)
    }

    @Test(
        "A body four times as long takes about four times as long",
        arguments: [
            "{\"a\":[\"", "{\"a\":\"\\u0041", "{\"a\":1", "{\"a\":0.", "{\"a\":[{},", "{\"a\":[[],",
            "{\"k\":1,\"k\":[1,",
        ]
    )
    func linear(start: String) {
        let clock = ContinuousClock()
        func time(_ length: Int) -> Duration {
            let part = start.hasSuffix(",") ? String(start.drop { $0 != "[" }.dropFirst()) : "1234567"
            let body = Array((start + String(repeating: part, count: length / part.utf8.count)).utf8)
            return (0..<2).map { _ in clock.measure { _ = PayWayPushback.message(of: body) } }.min() ?? .zero
        }
        let (short, long) = (time(64 << 10), time(256 << 10))
        #expect(long < max(short, .milliseconds(2)) * 16, "\(short) for 64 KiB, \(long) for 256 KiB")
    }
}
