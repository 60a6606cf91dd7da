import CivilTime
import JobKit
import Monetary
import Outbound
import Postgres
import TestSupport
import Testing

@testable import Payments
@testable import bursar

@Suite("The client against a simulated Bakong")
struct BakongSimulatorTests {
    /// Everything that an API call can meet.
    private static func allFaults(seed: Int) -> BakongScript {
        var script = BakongScript()
        script[.seed] = seed
        for fault in [BakongScript.Fault.fractionalTimes, .amountAsText, .listShuffled, .listOmits, .paidTwice] {
            script[fault] = 0.3
        }
        for fault in [BakongScript.Fault.listNamesTransaction, .listFlat, .md5ListClosed, .hashListClosed] {
            script[fault] = 0.25
        }
        for fault in [BakongScript.Fault.forbidden, .serverError, .notJSON, .timeoutAfter, .refunded] {
            script[fault] = 0.06
        }
        script[.rateLimited] = 0.03
        script[.hang] = 700
        return script
    }

    @Test(
        "Under every fault a finding is either the truth or unknown, for every key, and in the end everything is known",
        arguments: [Int.random(in: 1...1_000_000), 20_260_101]
    )
    func truth(_ seed: Int) async throws {
        try await BakongWorld.with { world in
            let script = Self.allFaults(seed: seed)
            try await BakongSimulator.with(script, email: BakongWorld.email) { simulator in
                try await world.store(simulator.token)
                let client = try world.client(HTTPClient(), address: simulator.url) { $0.timeout = .milliseconds(350) }
                let calls = client.within(world.context)
                let paid = (1...120).map(md5Like)
                let unpaid = (1001...1060).map(md5Like)
                for (place, md5) in paid.enumerated() {
                    let currency = place.isMultiple(of: 2) ? Currency.usd : .khr
                    let amount = Money(minorUnits: Int64(place * 37 + 1), currency: currency)
                    simulator.pay(SimWish(md5: md5, toAccount: "shop@bank", amount: amount))
                }
                let truth = Dictionary(simulator.bank.truth.map { ($0.md5, $0) }) { first, _ in first }
                var open = (paid + unpaid).shuffled()
                var rounds = 0
                while !open.isEmpty, rounds < 60 {
                    rounds += 1
                    try await world.database.setUp(
                        "update bursar.provider set failures = 0, open_since = null, open_until = null, asked_to_wait_until = null"
                    )
                    if rounds.isMultiple(of: 9) { client.memory.openAll() }
                    let findings = try await calls.lookup(md5s: open)
                    #expect(Set(findings.keys) == Set(open), "seed \(seed)")
                    for (md5, finding) in findings {
                        switch finding {
                        case .found(let found):
                            let real = truth[md5]
                            #expect(found.hash == real?.hash && found.amount.money == real?.amount, "seed \(seed)")
                            #expect(found.toAccount == real?.toAccount, "seed \(seed)")
                            #expect(
                                found.createdAt == real.map { Instant(microsecondsSinceEpoch: $0.createdAt * 1000) },
                                "seed \(seed)"
                            )
                        case .notFound: #expect(truth[md5] == nil, "seed \(seed)")
                        case .failed, .staticQR: Issue.record("\(finding) with seed \(seed)")
                        case .unknown: break
                        }
                    }
                    open = open.filter { findings[$0]?.isConclusive != true }
                }
                #expect(open.isEmpty, "seed \(seed) left \(open.count) after \(rounds) rounds")

                // What was sent back shows by hash, and nothing else does.
                let refunded = Set(simulator.bank.refundChosen())
                simulator.bank.script = BakongScript()
                let hashes = simulator.bank.truth.map(\.hash)
                client.memory.openAll()
                // The last faults may have opened the circuit.
                try await world.database.setUp(
                    "update bursar.provider set failures = 0, open_since = null, open_until = null, asked_to_wait_until = null"
                )
                for (hash, finding) in try await calls.lookup(hashes: hashes) {
                    #expect(finding.transaction?.hash == hash, "seed \(seed)")
                    #expect(finding.transaction?.trackingStatus?.isReversal == refunded.contains(hash), "seed \(seed)")
                }
                let journalled = try await world.text("select count(*)::text from bursar.bakong_call")
                let made = simulator.bank.calls()
                #expect(journalled == "\(made)", "seed \(seed)")
            }
        }
    }

    @Test("An expired token is renewed at the simulator, once, and the calls go on")
    func renewal() async throws {
        try await BakongWorld.with { world in
            try await BakongSimulator.with(email: BakongWorld.email) { simulator in
                try await world.store(simulator.token)
                try await world.database.setUp("update bursar.bakong_renewal set next_try_at = null")
                simulator.bank.expireTokens()
                let client = try world.client(HTTPClient(), address: simulator.url)
                let findings = try await client.within(world.context).lookup(md5s: (1...70).map(md5Like))
                #expect(findings.values.allSatisfy { $0 == .notFound })
                #expect(simulator.bank.calls(of: "renew_token") == 1)
            }
        }
    }

    @Test("Found only by its hash, short hash or reference; static and failed QRs are told apart")
    func otherKeys() async throws {
        try await BakongWorld.with { world in
            var script = BakongScript()
            script[.hashOnly] = 1
            try await BakongSimulator.with(script, email: BakongWorld.email) { simulator in
                try await world.store(simulator.token)
                let calls = try world.client(HTTPClient(), address: simulator.url).within(world.context)
                let amount = Money(minorUnits: 1250, currency: .usd)
                var wish = SimWish(md5: md5Like(1), toAccount: "shop@bank", amount: amount)
                wish.instructionRef = "I-1"
                let paid = try #require(simulator.pay(wish).first)
                #expect(try await calls.lookup(md5: md5Like(1)) == .notFound)
                #expect(try await calls.lookup(hash: paid.hash).transaction?.trackingStatus == .acknowledged)
                #expect(
                    try await calls.lookup(shortHash: String(paid.hash.prefix(8)), amount: amount).transaction?.hash
                        == paid.hash
                )
                #expect(try await calls.lookup(externalRef: paid.externalRef).transaction?.hash == paid.hash)
                #expect(try await calls.lookup(instructionRef: "I-1").transaction?.hash == paid.hash)
                #expect(try await calls.lookup(instructionRef: "I-2") == .notFound)
                simulator.bank.mark(md5Like(2), isStatic: true)
                simulator.bank.mark(md5Like(3), isStatic: false)
                #expect(
                    try await calls.lookup(md5s: [md5Like(2), md5Like(4)]) == [
                        md5Like(2): .staticQR, md5Like(4): .notFound,
                    ]
                )
                #expect(try await calls.lookup(md5: md5Like(3)) == .failed)
                simulator.bank.removeAccount("nobody@bank")
                #expect(try await calls.account("nobody@bank") == .doesNotExist)
                #expect(try await calls.account("shop@bank") == .exists)
                #expect(try await calls.account("shop") == .invalid)
                #expect(try await calls.deeplink(qr: "x") != calls.deeplink(qr: "x"))
            }
        }
    }
}
