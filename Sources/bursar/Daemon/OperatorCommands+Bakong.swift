import CivilTime
import Engine
import Events
import JobKit
import Monetary
import Payments
import Postgres

extension OperatorCommands {
    /// What an operator asks of Bakong, and the token that an operator brings.
    static func bakong(_ request: OperatorRequest, daemon: Daemon) async throws -> JSONText? {
        var options = TransactionOptions()
        options.role = "bursar_ops"
        options.settings = [("bursar.actor", request.actor)]
        switch request.command {
        case "bakong.token.set":
            let answer = try await store(request.decoded(as: BakongTokenWish.self), daemon, options)
            try await settleBakongAlarm(daemon.database)
            return answer
        case "bakong.token.show":
            return try await daemon.database.withTransaction(options) { try await BakongTokenStore.show(in: $0) }
        case "bakong.calls":
            let asked = try request.decoded(as: BakongCallsWish.self)
            return try await daemon.database.withTransaction(options) { transaction in
                try await BakongTokenStore.calls(
                    min(max(asked.limit ?? 20, 1), 1000),
                    about: asked.key,
                    failed: asked.failed ?? false,
                    in: transaction
                )
            }
        case "bakong.lookup":
            return try await lookup(request.decoded(as: BakongLookupWish.self), request, daemon)
        default:
            return nil
        }
    }

    /// Makes the alarm about the token be what holds.
    static func settleBakongAlarm(_ database: PostgresPool) async throws {
        var options = TransactionOptions()
        options.role = "bursar_engine"
        try await database.withTransaction(options) { transaction in
            let trouble = try await BakongTokenStore.trouble(in: transaction)
            let alarms = trouble.map { trouble in
                Alarm(
                    "bakong:token",
                    trouble.isCritical ? .critical : .warning,
                    since: trouble.since,
                    evidence: trouble.evidence
                )
            }
            try await AlarmBook(in: transaction).settle(["bakong"], [alarms].compactMap(\.self))
        }
    }

    private static func store(
        _ wish: BakongTokenWish,
        _ daemon: Daemon,
        _ options: TransactionOptions
    ) async throws -> JSONText {
        try await daemon.database.withTransaction(options) { transaction in
            let stored = try await BakongTokenStore.store(
                BakongSecret(wish.token),
                sealedWith: daemon.bakong.settings.sealingKey,
                in: transaction
            )
            let facts = [
                "fingerprint": stored.fingerprint, "expires_at": stored.expiresAt.description, "reason": wish.reason,
            ]
            try await HouseNote("bakong.token_stored", "bakong_token", stored.id, content: JSONText(encoding: facts))
                .write(in: transaction)
            return try JSONText(encoding: [
                "fingerprint": stored.fingerprint, "expires_at": stored.expiresAt.description,
            ])
        }
    }

    private static func lookup(
        _ wish: BakongLookupWish,
        _ request: OperatorRequest,
        _ daemon: Daemon
    ) async throws -> JSONText {
        let context = CallsOutsideRuns(database: daemon.database, actor: request.actor, logger: daemon.logger)
        let bakong = daemon.bakong.within(context)
        var answers = try await bakong.lookup(md5s: wish.md5s ?? []).map { BakongLookupAnswer($0, $1) }
        for hash in wish.hashes ?? [] {
            answers.append(BakongLookupAnswer(hash, try await bakong.lookup(hash: hash)))
        }
        return JSONText(JSON.text(of: answers.sorted { $0.key < $1.key }))
    }
}

/// A token on its way into the database.
struct BakongTokenWish: Codable, Sendable {
    let token: String
    let reason: String
}

/// Which calls of the journal.
struct BakongCallsWish: Codable, Sendable {
    var limit: Int?
    var key: String?
    var failed: Bool?
}

/// What to look up.
struct BakongLookupWish: Codable, Sendable {
    var md5s: [String]?
    var hashes: [String]?
}

/// What was found out about a key.
struct BakongLookupAnswer: Codable, Sendable {
    let key: String
    /// found, not_found, failed, static_qr, or the fault's word.
    let finding: String
    var why: String?
    var hash: String?
    var amount: String?
    var toAccount: String?
    var createdAt: String?
    var trackingStatus: String?

    init(_ key: String, _ finding: BakongFinding) {
        self.key = key
        switch finding {
        case .found(let transaction):
            self.finding = "found"
            hash = transaction.hash
            toAccount = transaction.toAccount
            createdAt = transaction.createdAt?.description
            trackingStatus = transaction.trackingStatus?.description
            switch transaction.amount {
            case .money(let money): amount = money.description
            case .unreadable(let text, let why): amount = "\(text) (\(why))"
            }
        case .notFound: self.finding = "not_found"
        case .failed: self.finding = "failed"
        case .staticQR: self.finding = "static_qr"
        case .unknown(let fault):
            self.finding = fault.word
            why = fault.description
        }
    }
}
