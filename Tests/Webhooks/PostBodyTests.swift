import Payments
import Testing
import Webhooks

@Suite("Bodies of posts")
struct PostBodyTests {
    private func body(_ text: String) -> PostBody? { PostBody(Array(text.utf8)) }

    @Test("Numbers keep their text, whatever a binary fraction would make of them")
    func numbers() {
        let body = body(#"{"a": 12.50, "b": 100000000000000000000.01, "c": -0, "d": 1e3}"#)
        #expect(
            ["a", "b", "c", "d"].map { body?.at($0)?.words } == ["12.50", "100000000000000000000.01", "-0", "1e3"]
        )
    }

    @Test("Paths lead through objects and lists")
    func paths() {
        let body = body(#"{"data": {"items": [{"id": 7}, {"id": "x\u00e9\ud83d\ude00\n"}], "yes": true, "no": null}}"#)
        #expect(body?.at("data.items.0.id")?.words == "7")
        #expect(body?.at("data.items.1.id")?.words == "xé😀\n")
        #expect(body?.at("data.yes")?.words == "true" && body?.at("data.no")?.words == nil)
        #expect(body?.at("data.items.2.id") == nil && body?.at("data.items.-1") == nil && body?.at("data.yes.x") == nil)
    }

    @Test(
        "What is no JSON, or could be read in two ways, is not read",
        arguments: [
            "", "{", "[1,]", "{\"a\":1,}", "01", "1.", ".5", "+1", "\"\t\"", "\"\\x\"", "\"\\ud800\"", "{\"a\":1} x",
            "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "nul", "\"open", "{a:1}", "NaN", "'a'", "\u{FEFF}{}",
            String(repeating: "[", count: 100) + String(repeating: "]", count: 100),
        ]
    )
    func refused(_ text: String) {
        #expect(body(text) == nil)
    }

    @Test("Bytes that are no UTF-8 are not read, and no nesting reaches the end of the stack")
    func bytes() {
        #expect(PostBody([0x22, 0xFF, 0x22]) == nil)
        #expect(PostBody(Array(repeating: UInt8(ascii: "["), count: 1_000_000)) == nil)
        #expect(PostBody(Array(repeating: UInt8(ascii: "{"), count: 1_000_000)) == nil)
    }

    @Test("An id made of several fields cannot be made of others, and none is made of what is missing")
    func eventIDs() {
        func id(_ text: String, _ rule: EventIDRule) -> String? {
            rule.id(of: ReceivedPost(headers: [("X-Id", "h1")], body: Array(text.utf8)), Verdict())
        }
        let rule = EventIDRule.json(["tran_id", "apv", "status"])
        #expect(id(#"{"tran_id":"T1","apv":6191,"status":"0"}"#, rule) == "T1|6191|0")
        #expect(id(#"{"tran_id":"T1","apv":"6191|0","status":"0"}"#, rule) == nil)
        #expect(id(#"{"tran_id":"T1","apv":"6191"}"#, rule) == nil)
        #expect(id(#"{"tran_id":"T1","apv":{},"status":"0"}"#, rule) == nil)
        #expect(id("no json", rule) == nil && id("x", .header("x-id")) == "h1" && id("x", .header("x-other")) == nil)
        #expect(id("x", .bodyHash) == "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881")
        let long = String(repeating: "a", count: 256)
        #expect(id(#"{"a":"\#(long)"}"#, .json(["a"])) == nil && id(#"{"a":""}"#, .json(["a"])) == nil)
        #expect(id(#"{"a":"x\u0000"}"#, .json(["a"])) == nil)
        let twice = ReceivedPost(headers: [("X-Id", "1"), ("x-id", "2")], body: [])
        #expect(EventIDRule.header("X-Id").id(of: twice, Verdict()) == nil)
    }

    @Test("A mapping reads what a post says of a payment, and says nothing where there is nothing to find it by")
    func hints() {
        var mapping = PaymentMapping()
        mapping.md5 = "data.md5"
        mapping.billNumber = "bill"
        mapping.amount = "data.amount"
        mapping.currency = "data.currency"
        mapping.paidWhen = [PaymentMapping.Condition(path: "status", words: ["0", "PAID"])]
        func hint(_ text: String) -> CallbackHint? { mapping.hint(source: "relay", event: 7, body: Array(text.utf8)) }
        #expect(
            hint(#"{"status":0,"data":{"md5":"ABC","amount":12.50,"currency":"usd"}}"#)
                == CallbackHint(source: "relay", event: 7, md5: "abc", amount: "12.50", currency: "USD")
        )
        #expect(hint(#"{"status":"SCANNED","bill":"B1"}"#)?.saysPaid == false)
        #expect(hint(#"{"bill":"B1"}"#)?.saysPaid == false)
        #expect(hint(#"{"status":"0","data":{"amount":1}}"#) == nil && hint("what?") == nil)
    }
}
