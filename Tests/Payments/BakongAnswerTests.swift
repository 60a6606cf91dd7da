import CivilTime
import Monetary
import Outbound
import Postgres
import Testing

@testable import Payments

@Suite("Answers of Bakong")
struct BakongAnswerTests {
    private static let hash = String(repeating: "ab", count: 32)

    private func transaction(_ members: String) throws -> BakongTransaction {
        try BakongTransaction(ExactJSON(parsing: Array("{\"hash\":\"\(Self.hash)\",\(members)}".utf8)))
    }

    @Test(
        "An amount is read from the text as it was written, to the last minor unit",
        arguments: [
            ("1.0", "USD", 100), ("1", "USD", 100), ("\"1.50\"", "USD", 150), ("0.1", "USD", 10), ("1.10", "USD", 110),
            ("\" 12.34 \"", "USD", 1234), ("1E+1", "USD", 1000), ("1.5e2", "USD", 15_000), ("15000.0", "KHR", 15_000),
            ("\"4000\"", "KHR", 4_000), ("4e3", "KHR", 4_000), ("0", "USD", 0), ("1.10000", "USD", 110),
            ("90071992547409.93", "USD", 9_007_199_254_740_993), ("70368744177664.07", "USD", 7_036_874_417_766_407),
            ("9007199254740993", "KHR", 9_007_199_254_740_993),
        ]
    )
    func amounts(_ text: String, _ currency: String, _ units: Int64) throws {
        let read = try transaction("\"amount\":\(text),\"currency\":\"\(currency)\"")
        let expected = Money(minorUnits: units, currency: try #require(Currency(code: currency)))
        #expect(read.amount == .money(expected))
    }

    @Test(
        "An amount that does not fit keeps its text and says why",
        arguments: [
            ("1.005", "USD", "decimal places"), ("1.5", "KHR", "decimal places"), ("-1", "USD", "below nothing"),
            ("\"1,000\"", "USD", "no decimal number"), ("\"abc\"", "USD", "no decimal number"),
            ("1e300", "USD", "no decimal number"), ("99999999999999999999", "KHR", "too large"),
            ("1", "EUR", "EUR"),
        ]
    )
    func misfits(_ text: String, _ currency: String, _ why: String) throws {
        let read = try transaction("\"amount\":\(text),\"currency\":\"\(currency)\"")
        guard case .unreadable(let kept, let reason) = read.amount else {
            Issue.record("it was read as \(read.amount)")
            return
        }
        #expect(text.contains(kept))
        #expect(reason.contains(why))
    }

    @Test(
        "Times are milliseconds, a fraction is cut off, whatever a number looks like",
        arguments: [
            ("1636709123467", 1_636_709_123_467), ("1636709123467.2", 1_636_709_123_467),
            ("\"1636709123467.9\"", 1_636_709_123_467), ("1.6367091234679E12", 1_636_709_123_467),
        ]
    )
    func times(_ text: String, _ milliseconds: Int64) throws {
        let read = try transaction("\"createdDateMs\":\(text),\"acknowledgedDateMs\":null")
        #expect(read.createdAt == Instant(microsecondsSinceEpoch: milliseconds * 1000))
        #expect(read.acknowledgedAt == nil)
    }

    @Test("What is missing, null or empty is nil; unknown members are passed over; the text is kept as it was")
    func members() throws {
        let text = """
            {"hash":"\(Self.hash.uppercased())", "amount":1.10,"currency":"USD","description":"","instructionRef":null,
             "trackingStatus":"REFUNDED_BY_RECEIVER","receiverBank":"B","news":{"a":[1.10,true]},"externalRef":100}
            """
        let read = try BakongTransaction(ExactJSON(parsing: Array(text.utf8)))
        #expect(read.hash == Self.hash)
        #expect(read.description == nil && read.instructionRef == nil && read.fromAccount == nil)
        #expect(read.externalRef == "100")
        #expect(read.trackingStatus == .refundedByReceiver && read.trackingStatus?.isReversal == true)
        #expect(BakongTracking("FAILED_AT_ACH").isReversal && !BakongTracking("NEWS").isReversal)
        #expect(read.raw.text == text)
    }

    @Test("A text that jsonb refuses is rewritten, with everything else as it was")
    func unstorable() throws {
        let text = "{\"hash\":\"\(Self.hash)\",\"description\":\"a\\u0000b\",\"amount\":1.10,\"x\":1e99999}"
        let read = try BakongTransaction(ExactJSON(parsing: Array(text.utf8)))
        #expect(
            read.raw.text
                == "{\"hash\":\"\(Self.hash)\",\"description\":\"a\u{FFFD}b\",\"amount\":1.10,\"x\":\"1e99999\"}"
        )
    }

    @Test(
        "JSON is read strictly",
        arguments: [
            "", "{", "[1,]", "{\"a\":1,}", "{a:1}", "01", "1.", "\"\u{1}\"", "nul", "1 2", "\"\\x\"", "\"\\u12\"", "-",
            String(repeating: "[", count: 100) + String(repeating: "]", count: 100),
        ]
    )
    func strictness(_ text: String) {
        #expect(throws: ExactJSONError.self) { try ExactJSON(parsing: Array(text.utf8)) }
    }

    @Test(
        "Statuses and error codes are told apart",
        arguments: [
            (HTTPResponse(403, "<html>"), "forbidden"),
            (HTTPResponse.failure(1, status: 403), "forbidden"),
            (.failure(6), "unauthorized"), (.failure(6, status: 401), "unauthorized"),
            (HTTPResponse(401, "<html>"), "unauthorized"),
            (HTTPResponse(429, ""), "rate_limited"), (HTTPResponse(502, "<html>"), "server_error"),
            (.failure(1, status: 500), "server_error"), (HTTPResponse(200, "<html>"), "not_json"),
            (HTTPResponse(200, "true"), "not_json"), (HTTPResponse(404, "<html>"), "unexpected_status"),
            (HTTPResponse(302, ""), "unexpected_status"), (.failure(4), "provider_trouble"),
            (.failure(7), "provider_trouble"), (.failure(9), "provider_trouble"), (.failure(5, status: 400), "our_bug"),
            (.failure(5), "our_bug"), (.failure(8), "needs_person"), (.failure(10), "needs_person"),
            (.failure(99), "needs_person"), (HTTPResponse(200, "{}"), "unknown_shape"),
            (.success("null"), "unknown_shape"),
            (.success("{}"), "unknown_shape"), (.success("[]"), "unknown_shape"),
            (HTTPResponse(200, "{\"responseCode\":0,\"errorCode\":1,\"data\":null}"), "unknown_shape"),
            (HTTPResponse(200, "{\"responseCode\":1,\"errorCode\":null,\"data\":null}"), "unknown_shape"),
            (.success("{\"hash\":\"\(hash)\",\"status\":\"SCANNED\"}"), "unknown_shape"),
        ]
    )
    func faults(_ response: HTTPResponse, _ word: String) {
        let fault = #expect(throws: BakongFault.self) { try BakongAnswer.read(response).finding() }
        #expect(fault?.word == word)
    }

    @Test("Only errorCode 1 with status 200 or 404 says that there is no payment")
    func notFound() throws {
        #expect(try BakongAnswer.read(.notFound).finding() == .notFound)
        #expect(try BakongAnswer.read(.failure(1, status: 404)).finding() == .notFound)
        #expect(try BakongAnswer.read(.failure(2)).finding() == .staticQR)
        #expect(try BakongAnswer.read(.failure(3)).finding() == .failed)
        let text = HTTPResponse("{\"responseCode\":\"1\",\"errorCode\":\"1\"}")
        #expect(try BakongAnswer.read(text).finding() == .notFound)
        for status in [400, 401, 403, 429, 500, 502, 503, 504, 302, 418] {
            #expect(throws: BakongFault.self) { try BakongAnswer.read(.failure(1, status: status)).finding() }
        }
    }

    @Test(
        "Retry-After is obeyed, with a minute where it says nothing of use and a day at most",
        arguments: [
            ("7", 7), ("", 60), ("Wed, 21 Oct 2026 07:28:00 GMT", 60), ("99999999", 86_400), ("-3", 60), ("1.9", 1),
        ]
    )
    func retryAfter(_ text: String, _ seconds: Int) {
        let response = HTTPResponse(429, "", headers: [HTTPField("retry-after", text)])
        #expect(throws: BakongFault.rateLimited(after: .seconds(seconds))) { try BakongAnswer.read(response) }
    }

    @Test("Of a page 512 bytes are kept, without NUL, and without a secret that it repeats, even across the cut")
    func excerpts() throws {
        let secret = BakongSecret("very-secret-text")
        let body = "\u{0}" + String(repeating: "x", count: 500) + secret.revealed + String(repeating: "y", count: 500)
        let fault = #expect(throws: BakongFault.self) {
            try BakongAnswer.read(HTTPResponse(403, body), hiding: [secret])
        }
        let excerpt = try #require(fault?.excerpt)
        #expect(excerpt.utf8.count <= 512 && excerpt.utf8.count > 500)
        #expect(!excerpt.contains("\u{0}") && !excerpt.contains("very") && excerpt.contains("…"))
    }

    private func findings(
        _ items: String,
        _ keys: [String],
        _ kind: BakongKeyKind = .md5
    ) throws -> [String: BakongFinding] {
        try BakongAnswer.read(.success("[\(items)]")).findings(kind, asked: Set(keys))
    }

    @Test("Items of a batch are matched by the key that they repeat, in any order, and what is missing is missing")
    func echo() throws {
        let keys = (1...4).map(md5Like)
        func item(_ key: String) -> String {
            "{\"md5\":\"\(key.uppercased())\",\"status\":\"SUCCESS\",\"data\":\(HTTPResponse.transaction(key))}"
        }
        let other = md5Like(99)
        let found = try findings(
            "\(item(keys[2])),\(item(other)),{\"md5\":\"\(keys[0])\",\"status\":\"NOT_FOUND\",\"data\":null},\(item(keys[1]))",
            keys
        )
        #expect(found[keys[0]] == .notFound)
        #expect(found[keys[1]]?.transaction?.hash == HTTPResponse.sampleHash(keys[1]))
        #expect(found[keys[2]]?.transaction?.hash == HTTPResponse.sampleHash(keys[2]))
        #expect(found[keys[3]] == nil && found.count == 3)
    }

    @Test("The payload of an item is its data, or its transaction, or the item itself")
    func payloads() throws {
        let key = md5Like(5)
        let inner = HTTPResponse.transaction(key)
        let shapes = [
            "{\"md5\":\"\(key)\",\"status\":\"SUCCESS\",\"data\":\(inner)}",
            "{\"md5\":\"\(key)\",\"status\":\"SUCCESS\",\"transaction\":\(inner)}",
            "{\"md5\":\"\(key)\",\"data\":null,\"transaction\":\(inner)}",
            "{\"md5\":\"\(key)\",\"status\":\"success\"," + inner.dropFirst(),
        ]
        for shape in shapes {
            #expect(try findings(shape, [key])[key]?.transaction?.hash == HTTPResponse.sampleHash(key))
        }
        let hash = HTTPResponse.sampleHash(key)
        #expect(try findings("{\"status\":\"SUCCESS\",\"data\":\(inner)}", [hash], .hash)[hash]?.transaction != nil)
    }

    @Test("Whatever comes back, reading it ends, and never in a word about a payment that is not there")
    func anything() throws {
        let seed = UInt64.random(in: 1...1_000_000)
        var state = seed
        func next(_ most: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % most
        }
        let good = HTTPResponse.success(
            "[{\"md5\":\"\(md5Like(1))\",\"status\":\"SUCCESS\",\"data\":\(HTTPResponse.transaction(md5Like(1)))}]"
        )
        for _ in 0..<20_000 {
            var body = good.body
            for _ in 0...next(4) {
                let place = next(body.count)
                switch next(3) {
                case 0: body[place] = UInt8(next(256))
                case 1: body.remove(at: place)
                default: body.insert(contentsOf: body[place..<min(place + next(20), body.count)], at: next(body.count))
                }
            }
            guard let answer = try? BakongAnswer.read(HTTPResponse(status: 200, body: body)) else { continue }
            let findings = (try? answer.findings(.md5, asked: [md5Like(1)])) ?? [:]
            for finding in findings.values where finding == .notFound || finding == .failed || finding == .staticQR {
                Issue.record("\(finding) with seed \(seed): \(String(decoding: body, as: UTF8.self))")
            }
            _ = try? answer.finding()
        }
    }

    @Test("An item that contradicts itself or its twin says nothing")
    func contradictions() throws {
        let key = md5Like(6)
        let no = "{\"md5\":\"\(key)\",\"status\":\"NOT_FOUND\"}"
        let yes = "{\"md5\":\"\(key)\",\"status\":\"SUCCESS\",\"data\":\(HTTPResponse.transaction(key))}"
        #expect(try findings("\(no),\(no)", [key])[key] == .notFound)
        #expect(try findings("\(no),\(yes)", [key])[key]?.fault?.word == "unknown_shape")
        let odd = "{\"md5\":\"\(key)\",\"status\":\"PENDING\",\"data\":\(HTTPResponse.transaction(key))}"
        #expect(try findings(odd, [key])[key]?.fault?.word == "unknown_shape")
        #expect(try findings("{\"md5\":\"\(key)\",\"status\":\"STATIC_QR\"}", [key])[key] == .staticQR)
        let hash = String(repeating: "c", count: 64)
        let other = "{\"hash\":\"\(hash)\",\"status\":\"SUCCESS\",\"data\":\(HTTPResponse.transaction(key))}"
        #expect(try findings(other, [hash], .hash)[hash] == .unknown(.otherKey))
        #expect(throws: BakongFault.otherKey) {
            try BakongAnswer.read(.success(HTTPResponse.transaction(key))).finding(askedFor: hash)
        }
    }
}
