import Engine
import JobKit
import Monetary
import Outbound
import TestSupport
import Testing

@testable import Payments

@Suite("Calls of Bakong")
struct BakongCallsTests {
    /// Answers every lookup: keys in `paid` are found, the others are not.
    private static func bakong(
        paid: Set<String>,
        list: @escaping @Sendable (HTTPRequest) -> HTTPResponse? = { _ in nil }
    ) -> StubBakong {
        StubBakong { request, _ in
            if request.isFor(.md5List) || request.isFor(.hashList) {
                if let answer = list(request) { return answer }
                let name = request.isFor(.md5List) ? "md5" : "hash"
                let items = request.keys.reversed().map { key in
                    paid.contains(key)
                        ? "{\"\(name)\":\"\(key)\",\"status\":\"SUCCESS\",\"data\":\(HTTPResponse.transaction(key))}"
                        : "{\"\(name)\":\"\(key)\",\"status\":\"NOT_FOUND\",\"data\":null}"
                }
                return .success("[" + items.joined(separator: ",") + "]")
            }
            let key = request.keys.first ?? ""
            return paid.contains(key) ? .success(HTTPResponse.transaction(key)) : .notFound
        }
    }

    @Test("Many keys go 50 a call, every key has a finding, and one that is given twice is asked once")
    func batches() async throws {
        try await BakongWorld.with { world in
            try await world.store(BakongWorld.token())
            let keys = (1...120).map(md5Like)
            let paid = Set(keys.filter { $0.hash(5) == 0 })
            let bakong = Self.bakong(paid: paid)
            let findings = try await world.calls(bakong).lookup(md5s: keys + keys.prefix(7) + ["no md5"])
            #expect(findings.count == 121)
            for key in keys {
                #expect(findings[key]?.transaction?.hash == (paid.contains(key) ? HTTPResponse.sampleHash(key) : nil))
                #expect(findings[key]?.isConclusive == true)
            }
            #expect(findings["no md5"]?.fault?.word == "our_bug")
            #expect(bakong.requests.map(\.keys.count) == [50, 50, 20])
            let request = try #require(bakong.requests.first)
            #expect(request.headers.contains(HTTPField("User-Agent", "bursar")))
            #expect(request.bearer == BakongWorld.token())
        }
    }

    @Test(
        "Where the list endpoint gives nothing of use, keys are looked up one by one, and the list is left alone for a while",
        arguments: [
            HTTPResponse.page, HTTPResponse(404, "<html>"), HTTPResponse(200, "<html>"), HTTPResponse.success("{}"),
            HTTPResponse.failure(1),
        ]
    )
    func fallback(_ answer: HTTPResponse) async throws {
        try await BakongWorld.with { world in
            try await world.store(BakongWorld.token())
            let keys = (1...3).map(md5Like)
            let bakong = Self.bakong(paid: [keys[1]]) { _ in answer }
            let client = try world.client(bakong)
            for round in 1...2 {
                let findings = try await client.within(world.context).lookup(md5s: keys)
                #expect(findings[keys[0]] == .notFound && findings[keys[1]]?.transaction != nil)
                #expect(bakong.count(.md5List) == 1 && bakong.count(.md5) == 3 * round)
            }
            client.memory.close(.md5List, for: .zero)
            _ = try await client.within(world.context).lookup(md5s: keys)
            #expect(bakong.count(.md5List) == 2)
        }
    }

    @Test("Keys that a batch leaves out are looked up one by one")
    func leftOut() async throws {
        try await BakongWorld.with { world in
            try await world.store(BakongWorld.token())
            let keys = (1...5).map(md5Like)
            let bakong = Self.bakong(paid: Set(keys)) { request in
                .success("[{\"md5\":\"\(keys[4])\",\"status\":\"NOT_FOUND\"}]")
            }
            let findings = try await world.calls(bakong).lookup(md5s: keys)
            #expect(findings[keys[4]] == .notFound)
            #expect(keys.prefix(4).allSatisfy { findings[$0]?.transaction?.hash == HTTPResponse.sampleHash($0) })
            #expect(bakong.count(.md5) == 4 && bakong.count(.md5List) == 1)
        }
    }

    @Test("403 everywhere is no word about any payment, is asked no further, and opens the circuit at last")
    func forbidden() async throws {
        try await BakongWorld.with { world in
            try await world.store(BakongWorld.token())
            let bakong = StubBakong { _, _ in .page }
            let client = try world.client(bakong)
            let keys = (1...60).map(md5Like)
            for _ in 1...5 {
                let findings = try await client.within(world.context).lookup(md5s: keys)
                #expect(findings.count == 60)
                #expect(findings.values.allSatisfy { $0.fault?.word == "forbidden" && !$0.isConclusive })
            }
            #expect(bakong.count(.md5List) == 5 && bakong.count(.md5) == 5)
            let findings = try await client.within(world.context).lookup(md5s: keys)
            #expect(findings.values.allSatisfy { $0.fault?.word == "circuit_open" })
            #expect(bakong.requests.count == 10)
            #expect(try await world.text("select subject from bursar.outage") == "bakong")
        }
    }

    @Test("429 leaves Bakong alone for as long as it says, for every node, and is no failure")
    func rateLimited() async throws {
        try await BakongWorld.with { world in
            try await world.store(BakongWorld.token())
            let bakong = StubBakong { _, _ in HTTPResponse(429, "", headers: [HTTPField("Retry-After", "77")]) }
            let findings = try await world.calls(bakong).lookup(md5s: [md5Like(1), md5Like(2)])
            #expect(findings.values.allSatisfy { $0.fault == .rateLimited(after: .seconds(77)) })
            let other = try await world.calls(bakong).lookup(md5: md5Like(3))
            guard case .circuitOpen(let wait)? = other.fault else {
                Issue.record("\(other)")
                return
            }
            #expect(wait > .seconds(70) && wait <= .seconds(77))
            #expect(other.fault?.jobError.disposition == .rateLimited(wait))
            #expect(bakong.requests.count == 1)
            #expect(try await world.text("select count(*)::text from bursar.outage") == "0")
        }
    }

    @Test(
        "The configured quota of a day is kept over all nodes, told apart from the rate, and an operator's word stays"
    )
    func quota() async throws {
        try await BakongWorld.with { world in
            try await world.store(BakongWorld.token())
            let bakong = Self.bakong(paid: [])
            let limit: (inout BakongSettings) -> Void = { $0.perDay = 3 }
            let nodes = [try world.client(bakong, change: limit), try world.client(bakong, change: limit)]
            for turn in 0..<3 {
                let client = nodes[turn % 2]
                #expect(try await client.within(world.context).lookup(md5: md5Like(turn)) == .notFound)
            }
            let fault = try await nodes[1].within(world.context).lookup(md5: md5Like(9)).fault
            guard case .quotaSpent(let wait)? = fault else {
                Issue.record("\(String(describing: fault))")
                return
            }
            #expect(wait > .zero && wait <= .seconds(86_400))
            #expect(bakong.requests.count == 3)

            var more = ProviderDesk.Settings()
            more.perDay = 5
            try await ProviderDesk(database: world.pool).set("bakong", more, reason: "paid for", by: "operator:test")
            let third = try world.client(bakong, change: limit)
            #expect(try await third.within(world.context).lookup(md5: md5Like(9)) == .notFound)
            #expect(try await world.text("select per_day || ' ' || calls_in_day from bursar.provider") == "5 4")

            // The next day begins anew.
            try await world.database.setUp("update bursar.provider set calls_in_day = 5, day = day - 1")
            #expect(try await third.within(world.context).lookup(md5: md5Like(10)) == .notFound)
            let slower = try world.client(bakong) { $0.rate = 0.01 }
            #expect(try await slower.within(world.context).lookup(md5: md5Like(11)) == .notFound)
            try await world.database.setUp("update bursar.provider set tokens = 0, counted_at = clock_timestamp()")
            #expect(try await slower.within(world.context).lookup(md5: md5Like(12)).fault?.word == "throttled")
        }
    }

    @Test(
        "What the network says is a fault of its own",
        arguments: [
            (OutboundError.Code.timedOut, "timeout"), (.couldNotConnect, "unreachable"), (.interrupted, "unreachable"),
            (.insecure, "unreachable"), (.tooLarge, "unknown_shape"),
        ]
    )
    func network(_ code: OutboundError.Code, _ word: String) async throws {
        try await BakongWorld.with { world in
            try await world.store(BakongWorld.token())
            let bakong = StubBakong { _, _ in
                throw OutboundError(code: code, endpoint: "x", message: "gone", mayHaveArrived: true)
            }
            #expect(try await world.calls(bakong).lookup(md5: md5Like(1)).fault?.word == word)
            #expect(try await world.text("select outcome || ' ' || fault from bursar.bakong_call") == "failed \(word)")
        }
    }

    @Test("The other endpoints ask and read as they should")
    func others() async throws {
        try await BakongWorld.with { world in
            try await world.store(BakongWorld.token())
            let bakong = StubBakong { request, number in
                if request.isFor(.account) { return [.success("null"), .failure(11), .failure(12)][(number - 1) % 3] }
                if request.isFor(.deeplink) { return .success("{\"shortLink\":\"https://x.example/1\"}") }
                if request.isFor(.verify) { return .success("{\"token\":\"a.b.c\"}") }
                if request.isFor(.requestToken) { return .success("null") }
                return .success(HTTPResponse.transaction(md5Like(1)))
            }
            let calls = try world.calls(bakong)
            #expect(try await calls.account("a@b") == .exists)
            #expect(try await calls.account("c@d") == .doesNotExist)
            #expect(try await calls.account("e") == .invalid)
            #expect(try await calls.deeplink(qr: "0002\"x") == "https://x.example/1")
            #expect(bakong.requests.last?.text == "{\"qr\":\"0002\\\"x\"}")
            #expect(bakong.requests.last?.bearer == nil)
            #expect(
                try await calls.lookup(shortHash: "12345678", amount: .init(minorUnits: 150, currency: .usd))
                    .transaction != nil
            )
            #expect(bakong.requests.last?.text == "{\"amount\":1.50,\"currency\":\"USD\",\"hash\":\"12345678\"}")
            #expect(try await calls.lookup(instructionRef: "i").transaction != nil)
            #expect(try await calls.lookup(externalRef: "e").transaction != nil)
            try await calls.requestToken(email: BakongSecret("m@example.com"), organization: "o", project: "p")
            #expect(try await calls.verify(code: BakongSecret("code")).revealed == "a.b.c")
        }
    }
}

extension String {
    /// A small number that the text makes.
    fileprivate func hash(_ most: Int) -> Int { utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xFFFF } % most }
}
