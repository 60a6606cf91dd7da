import Notices
import Testing

@testable import Notices

@Suite("Words by which this house knows its own mails and links")
struct ReturnTokenTests {
    private let key = ReturnKey("0123456789abcdef0123456789abcdef")
    private let other = ReturnKey("0123456789abcdef0123456789abcdeg")

    @Test(
        "A token of a message leads back to it, in any case of its letters",
        arguments: [1, 255, 256, 70_000, Int64.max]
    )
    func bounce(message: Int64) throws {
        let key = try #require(key)
        let token = BounceToken.make(message: message, key: key)
        #expect(BounceToken.read(token, key: key) == message)
        #expect(BounceToken.read(token.uppercased(), key: key) == message)
        #expect(token.utf8.count <= 26 && token.allSatisfy { $0.isLetter || $0.isNumber })
        #expect(BounceToken.find(in: "\"x\" <a+b@c>, <bounces+\(token)@house.example>", key: key) == message)
    }

    @Test("A token of another key, a changed one, and one of another kind are none")
    func forged() throws {
        let (key, other) = (try #require(key), try #require(other))
        let token = BounceToken.make(message: 77, key: key)
        #expect(BounceToken.read(token, key: other) == nil)
        for place in token.indices {
            for letter in ["a", "b", "7"] where token[place...place] != letter {
                let changed = token[..<place] + letter + token[token.index(after: place)...]
                #expect(BounceToken.read(changed, key: key) == nil, "\(changed)")
            }
        }
        #expect(BounceToken.read("", key: key) == nil && BounceToken.read("aaaaaaaaaaaaaaaa", key: key) == nil)
        let kinds = [ReturnKey.Purpose.bounce, .unsubscribe].map { key.signature(of: [77], for: $0, bytes: 8) }
        #expect(kinds[0] != kinds[1])
        let link = UnsubscribeToken(tenant: 77).text(key: key)
        #expect(BounceToken.read(link, key: key) == nil && UnsubscribeToken(token, key: key) == nil)
    }

    @Test("A link's token carries tenant, category and channel, and no other key makes it")
    func unsubscribe() throws {
        let (key, other) = (try #require(key), try #require(other))
        let token = UnsubscribeToken(tenant: 12, category: "courtesy", channel: "email")
        let text = token.text(key: key)
        #expect(UnsubscribeToken(text, key: key) == token)
        #expect(UnsubscribeToken(text, key: other) == nil)
        #expect(UnsubscribeToken(String(text.dropLast()), key: key) == nil)
        #expect(token.url(base: "https://house.example", key: key) == "https://house.example/unsubscribe/\(text)")
    }

    @Test("Short secrets are no keys")
    func shortKeys() {
        #expect(ReturnKey(String(repeating: "a", count: 31)) == nil)
    }

    @Test(
        "The secret of reports fits itself and nothing else",
        arguments: ["", "secret of reports", "secret of report", "Secret of reports!"]
    )
    func inbound(shown: String) {
        #expect(InboundSecret("secret of reports").matches(shown) == (shown == "secret of reports"))
    }

    @Test("Base32 leads back to the same bytes, and one value has one writing")
    func base32() {
        var random = ReturnRandom("base32")
        for length in 0..<40 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            #expect(Base32Text.decode(Base32Text.encode(bytes)) == bytes, "seed \(random.seed)")
        }
        #expect(Base32Text.encode(Array("foobar".utf8)) == "mzxw6ytboi")
        #expect(
            Base32Text.decode("mzxw6ytbol") == nil && Base32Text.decode("m") == nil && Base32Text.decode("m1") == nil
        )
    }
}
