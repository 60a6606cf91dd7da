import Glibc
import Postgres
import TestSupport
import Testing

@Suite("Payments against a Bakong that misbehaves")
struct PaymentStormTests {
    @Test(
        "Callbacks lost, doubled and altered, refunds, and a daemon killed at random: every riel is placed, and placed once"
    )
    func short() async throws { try await storm(payments: 150, kills: 3) }

    @Test("The same with every callback dropped comes to the same, later")
    func withoutCallbacks() async throws { try await storm(payments: 60, kills: 0, takesCallbacks: false) }

    /// So many QRs are paid, a daemon is killed so often meanwhile, and somebody takes callbacks or nobody does.
    private func storm(payments: Int, kills: Int, takesCallbacks: Bool = true) async throws {
        try await PaymentStorm.weather(payments: payments, kills: kills, takesCallbacks: takesCallbacks)
    }
}

@Suite("A day of payments", .enabled(if: getenv("BURSAR_SOAK") != nil))
struct PaymentStormSoakTests {
    @Test("A thousand payments with twelve kills: missing none, settled twice none, drift none")
    func thousand() async throws { try await PaymentStorm.weather(payments: 1000, kills: 12) }
}

extension PaymentStorm {
    /// The whole storm, and what must be true after it.
    static func weather(payments: Int, kills: Int, takesCallbacks: Bool = true) async throws {
        let seed = getenv("BURSAR_SEED").flatMap { UInt64(String(cString: $0)) } ?? UInt64.random(in: 1...1_000_000)
        print("seed \(seed); again with BURSAR_SEED=\(seed)")
        var generator = SplitMix(state: seed)
        try await House.with(payments > 500 ? Portfolio.manyOwed : Portfolio.owed) { house in
            var storm = try await PaymentStorm(house, seed: seed)
            var daemon = try storm.daemon("a", takesCallbacks: takesCallbacks)
            try await daemon.ready()
            try await storm.open(count: payments)
            let step = max(1, payments / (kills + 1))
            for (number, start) in stride(from: 0, to: payments, by: step).enumerated() {
                try await storm.pay(start..<min(start + step, payments))
                guard number < kills else { continue }
                let wanted = Int.random(in: 0...step, using: &generator)
                // Killed in the middle of what the callbacks have started, wherever that is by then.
                try? await waitUntil("some callbacks are read", within: .seconds(3)) {
                    try await house.value("select count(*) from bursar.observation", as: Int.self) >= start + wanted / 2
                }
                daemon.process.signal(SIGKILL)
                try await daemon.process.end()
                daemon = try storm.daemon("a", takesCallbacks: takesCallbacks)
                try await daemon.ready()
            }
            try await storm.settle()
            try await storm.compare("seed \(seed)", altered: takesCallbacks)
        }
    }

    /// Lets everything come to rest: late callbacks, every lookup, refunds that happen afterwards.
    private func settle() async throws {
        try await bank.post("release")
        try await reconcile()
        try await bank.post("refund-chosen")
        // A day later the settled ones are asked about again; those that are found at a later look only, too. Where lists are
        // closed an error ends a round of single questions, so that one question may take many rounds to be asked.
        for round in 1...60 {
            try await house.database.setUp(
                "update bursar.payment_lookup set due_at = bursar.business_now() - interval '1 second'"
            )
            try await reconcile()
            if round >= 8, try await isAtRest { break }
        }
        try await waitUntil("every callback is read", within: .seconds(60)) {
            try await house.value("select count(*) from bursar.webhook_event where state = 'received'", as: Int.self)
                == 0
        }
        try await reconcile()
        // Second payments of one QR are invisible to lookups; only the bank's statement has them.
        write(String(decoding: try await bank.get("statement.csv"), as: UTF8.self), to: "\(house.folder)/statement.csv")
        let read = try await house.bursar(
            "recon",
            "import",
            "\(house.folder)/statement.csv",
            "--account",
            "shop@bank",
            "--layout",
            "sim"
        )
        #expect(read.status == 0, "\(read)")
        try await reconcile()
    }

    /// Whether every question was asked often enough: what was paid is found, and what went back too.
    private var isAtRest: Bool {
        get async throws {
            let first = try await bank.truth.filter { $0.ordinal == 1 }
            let found: Int = try await house.value(
                "select count(distinct provider_hash) from bursar.payment_match where role = 'settles'"
            )
            let back: Int = try await house.value(
                "select count(distinct of_match_id) from bursar.payment_match where role = 'reverses'"
            )
            return found >= first.count && back >= first.filter(\.isRefunded).count
        }
    }

    /// What came a second time, for a person to decide.
    private static let inSuspense = "select observation_id from bursar.suspense where is_money"

    private func compare(_ seed: Comment, altered: Bool) async throws {
        let truth = try await bank.truth
        let first = truth.filter { $0.ordinal == 1 }
        let settled = try await house.query(
            "select provider_hash, count(*) as times from bursar.payment_match where role = 'settles' group by provider_hash"
        )
        var times: [String: Int] = [:]
        for row in settled { times[try row.get("provider_hash")] = try row.get("times") }
        #expect(first.filter { times[$0.hash] == nil }.map(\.hash) == [], "missing; \(seed)")
        #expect(times.filter { $1 > 1 }.map(\.key) == [], "settled twice; \(seed)")
        let back: Int = try await house.value(
            "select count(distinct of_match_id) from bursar.payment_match where role = 'reverses'"
        )
        #expect(back == first.filter(\.isRefunded).count, seed)
        // What a callback claimed and no lookup bore out is kept as a claim, never as money.
        let contradicted: Int = try await house.value(
            """
            select count(*) from bursar.observation o join bursar.suspense s on s.observation_id = o.id
            where o.kind = 'claim' and s.reason = 'contradicted' and not s.is_money
            """
        )
        let wrong: Int = try await house.value(
            """
            select count(*) from bursar.observation o join bursar.payment_attempt a on a.md5 = o.md5
            join bursar.payment_match m on m.attempt_id = a.id and m.role = 'settles' and m.released_at is null
            where o.kind = 'claim' and (o.amount <> m.amount or o.provider_hash <> m.provider_hash)
            """
        )
        #expect(contradicted == wrong, seed)
        let second = truth.filter { $0.ordinal > 1 }
        let waiting = try await house.list(
            "select provider_hash from bursar.observation where id in (\(Self.inSuspense))"
        )
        #expect(Set(waiting) == Set(second.map(\.hash)), "second payments wait for a person; \(seed)")
        let drift: Int = try await house.value(
            "select coalesce(sum(abs(drift)), 0) from bursar.control_totals(current_date - 2, current_date + 2)"
        )
        #expect(drift == 0, seed)
        let before = try await fingerprint()
        try await reconcile()
        #expect(try await fingerprint() == before, "a second run changed something; \(seed)")
        let verified = try await house.bursar("verify")
        #expect(verified.status == 0, "\(verified)")
        if altered {
            print(
                "callbacks: \(try await house.value("select count(*) from bursar.webhook_event", as: Int.self)), contradicted: \(wrong)"
            )
        }
    }
}
