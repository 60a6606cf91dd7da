import JobKit
import Outbound
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Payments

@Suite("The token of Bakong")
struct BakongTokenTests {
    /// Renewals bring tokens 101, 102, …; lookups are answered for the tokens that are good.
    private static func bakong(good: GoodTokens) -> StubBakong {
        let renewals = Atomic(0)
        return StubBakong { request, _ in
            if request.isFor(.renewToken) {
                let number = renewals.add(1, ordering: .relaxed).newValue
                let token = BakongWorld.token(100 + number, days: 90)
                good.add(token)
                // Waiting: long enough for the others to meet it under way.
                try await Task.sleep(for: .milliseconds(150))
                return .success("{\"token\":\"\(token)\"}")
            }
            guard good.contains(request.bearer) else {
                return .failure(6, status: 401)
            }
            return .notFound
        }
    }

    @Test("Without a token, without its key, and with another key the caller is told what to do, and nobody is called")
    func none() async throws {
        try await BakongWorld.with { world in
            let bakong = StubBakong { _, _ in .notFound }
            #expect(try await world.calls(bakong).lookup(md5: md5Like(1)).fault?.word == "no_token")
            try await world.store(BakongWorld.token())
            let keyless = try world.client(bakong) { $0.sealingKey = nil }
            guard case .noToken(let why)? = try await keyless.within(world.context).lookup(md5: md5Like(1)).fault else {
                Issue.record("it was asked without a key")
                return
            }
            #expect(why.contains("bakong.token_key_file"))
            let other = try BakongSealingKey(String(repeating: "aa", count: 32))
            let foreign = try world.client(bakong) { $0.sealingKey = other }
            #expect(try await foreign.within(world.context).lookup(md5: md5Like(1)).fault?.word == "no_token")
            #expect(bakong.requests.isEmpty)
        }
    }

    @Test("What is no token, or one that has ended, is refused with words that do not repeat it")
    func refusals() async throws {
        try await BakongWorld.with { world in
            for text in ["rbk123", "a.b.c", "a.eyJ4IjoxfQ.c", BakongWorld.token(days: -1)] {
                let error = await #expect(throws: BakongSettingsError.self) { _ = try await world.store(text) }
                let words = error.map { $0.message + $0.remedy } ?? text
                #expect(!words.contains(text))
            }
            let stored = try await world.text("select count(*)::text from bursar.bakong_token")
            #expect(stored == "0")
        }
    }

    @Test(
        "A token that ends within a week is renewed once by many callers at once, is stored before it is used, and the old one goes after its first answer"
    )
    func due() async throws {
        try await BakongWorld.with { world in
            let old = BakongWorld.token(1, days: 6.9)
            try await world.store(old)
            try await world.database.setUp("update bursar.bakong_renewal set next_try_at = null")
            let bakong = Self.bakong(good: GoodTokens([old]))
            let clients = try (0..<6).map { _ in try world.client(bakong) }
            let context = world.context
            try await withThrowingTaskGroup(of: BakongFinding.self) { group in
                for (place, client) in clients.enumerated() {
                    group.addTask { try await client.within(context).lookup(md5: md5Like(place)) }
                }
                for try await finding in group { #expect(finding == .notFound) }
            }
            #expect(bakong.count(.renewToken) == 1)
            _ = try await world.calls(bakong).lookup(md5: md5Like(50))
            #expect(bakong.requests.last?.bearer == BakongWorld.token(101, days: 90))
            #expect(
                try await world.text(
                    "select string_agg(state || ' ' || source || ' ' || (sealed is null), ', ' order by id) from bursar.bakong_token"
                ) == "old operator true, current renewal false"
            )
            #expect(bakong.count(.renewToken) == 1)
        }
    }

    @Test("A refused token is renewed once by many callers at once, and every one of them is answered with the new one")
    func refused() async throws {
        try await BakongWorld.with { world in
            let old = BakongWorld.token(1)
            try await world.store(old)
            try await world.database.setUp("update bursar.bakong_renewal set next_try_at = null")
            let bakong = Self.bakong(good: GoodTokens())
            let context = world.context
            let clients = try (0..<6).map { _ in try world.client(bakong) }
            try await withThrowingTaskGroup(of: BakongFinding.self) { group in
                for (place, client) in clients.enumerated() {
                    group.addTask { try await client.within(context).lookup(md5: md5Like(place)) }
                }
                for try await finding in group { #expect(finding == .notFound) }
            }
            #expect(bakong.count(.renewToken) == 1)
            #expect(bakong.requests.filter { $0.bearer == old }.count <= 6)
        }
    }

    @Test("A new token is in the database before anybody is asked with it")
    func storedFirst() async throws {
        try await BakongWorld.with { world in
            try await world.store(BakongWorld.token(1))
            try await world.database.setUp("update bursar.bakong_renewal set next_try_at = null")
            let pool = world.pool
            let key = try BakongSealingKey(BakongWorld.key)
            let new = BakongWorld.token(2, days: 90)
            let bakong = StubBakong { request, _ in
                if request.isFor(.renewToken) { return .success("{\"token\":\"\(new)\"}") }
                guard request.bearer == new else { return .failure(6, status: 401) }
                var options = BakongTokenTests.engine
                options.readOnly = true
                let sealed = try await pool.withTransaction(options) { transaction in
                    try await transaction.query(BakongStatements.token, Duration.zero).first?.get(
                        "sealed",
                        as: [UInt8].self
                    )
                }
                #expect(try sealed.map { try key.open($0) } == new)
                return .notFound
            }
            #expect(try await world.calls(bakong).lookup(md5: md5Like(1)) == .notFound)
            #expect(bakong.count(.md5) == 2)
        }
    }

    @Test(
        "A renewal that fails leaves the old token in use, and is not tried again at once; a refused one ends in unauthorized"
    )
    func failures() async throws {
        try await BakongWorld.with { world in
            let old = BakongWorld.token(1, days: 3)
            try await world.store(old)
            try await world.database.setUp("update bursar.bakong_renewal set next_try_at = null")
            let good = GoodTokens([old])
            let bakong = StubBakong { request, _ in
                if request.isFor(.renewToken) { return .failure(10) }
                return good.contains(request.bearer) ? .notFound : .failure(6)
            }
            for turn in 1...3 { #expect(try await world.calls(bakong).lookup(md5: md5Like(turn)) == .notFound) }
            #expect(bakong.count(.renewToken) == 1)
            #expect(try await world.text("select last_fault from bursar.bakong_renewal") == "needs_person")
            good.removeAll()
            let findings = try await world.calls(bakong).lookup(md5s: (1...80).map(md5Like))
            #expect(findings.count == 80 && findings.values.allSatisfy { $0.fault == .unauthorized })
            #expect(bakong.count(.renewToken) == 1)
            #expect(bakong.count(.md5List) == 1)
        }
    }

    @Test("A new token that is refused gives way to the old one, which was kept")
    func fallBack() async throws {
        try await BakongWorld.with { world in
            let old = BakongWorld.token(1, days: 60)
            try await world.store(old)
            let good = GoodTokens([old])
            let bakong = Self.bakong(good: good)
            #expect(try await world.calls(bakong).lookup(md5: md5Like(1)) == .notFound)
            try await world.store(BakongWorld.token(2, days: 80))
            #expect(try await world.calls(bakong).lookup(md5: md5Like(2)) == .notFound)
            #expect(bakong.requests.suffix(2).map(\.bearer) == [BakongWorld.token(2, days: 80), old])
            #expect(
                try await world.text("select string_agg(state, ' ' order by id) from bursar.bakong_token")
                    == "current refused"
            )
            #expect(try await world.calls(bakong).lookup(md5: md5Like(3)) == .notFound)
            #expect(bakong.requests.last?.bearer == old)
            #expect(bakong.count(.renewToken) == 0)
        }
    }

    @Test("The lease of a renewer that died ends, and the next one renews")
    func deadRenewer() async throws {
        try await BakongWorld.with { world in
            try await world.store(BakongWorld.token(1))
            try await world.database.setUp(
                """
                update bursar.bakong_renewal set next_try_at = null, holder = 'dead', lease_until = clock_timestamp() + interval '1 hour'
                """
            )
            let bakong = Self.bakong(good: GoodTokens())
            let quick = try world.client(bakong) {
                $0.timeout = .milliseconds(300)
                $0.patience = .milliseconds(100)
            }
            #expect(try await quick.within(world.context).lookup(md5: md5Like(1)).fault == .unauthorized)
            #expect(bakong.count(.renewToken) == 0)
            try await world.database.setUp("update bursar.bakong_renewal set lease_until = clock_timestamp()")
            #expect(try await world.calls(bakong).lookup(md5: md5Like(1)) == .notFound)
            #expect(bakong.count(.renewToken) == 1)
        }
    }

    @Test("Sealed text opens with its key alone, and not when a bit of it was changed")
    func sealing() throws {
        #expect(throws: BakongSettingsError.self) { try BakongSealingKey("0f") }
        let key = try BakongSealingKey(BakongWorld.key)
        let sealed = try key.seal("text")
        #expect(try key.open(sealed) == "text")
        #expect(try key.seal("text") != sealed)
        for place in sealed.indices {
            var changed = sealed
            changed[place] ^= 1
            #expect(throws: BakongSettingsError.self) { try key.open(changed) }
        }
        #expect(throws: BakongSettingsError.self) { try key.open(Array(sealed.prefix(28))) }
    }
}

extension BakongTokenTests {
    fileprivate static var engine: TransactionOptions {
        var options = TransactionOptions()
        options.role = "bursar_engine"
        return options
    }
}
