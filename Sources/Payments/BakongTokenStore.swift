package import CivilTime
package import Postgres

/// The stored token, for whoever brings one or asks about it.
package enum BakongTokenStore {
    /// What an operator may see of a token.
    package struct Stored: Sendable {
        package let id: Int64
        package let fingerprint: String
        /// In UTC.
        package let expiresAt: Instant
    }

    /// Stores a token that an operator brings, in the operator's transaction; it is used from the next call on, and its
    /// predecessor kept until Bakong has answered to it.
    ///
    /// - Throws: it is no token, has ended already, or there is no key to encrypt it with.
    package static func store(
        _ text: BakongSecret,
        sealedWith key: BakongSealingKey?,
        in transaction: Transaction
    ) async throws -> Stored {
        let expiry = try BakongTokenText.expiry(of: text.revealed)
        guard let key else {
            throw BakongSettingsError(
                "there is no key to encrypt the token with",
                remedy:
                    "make one (openssl rand -hex 32 > FILE), name it in bakong.token_key_file, and restart the nodes"
            )
        }
        let hasEnded = try await transaction.query(BakongStatements.hasEnded, expiry).first?.get("ended", as: Bool.self)
        guard hasEnded == false else {
            throw BakongSettingsError(
                "this token ended on \(expiry)",
                remedy: "get a new one from the page where the first was registered"
            )
        }
        let id = try await store(key.seal(text.revealed), text, key, expiry, renewal: nil, in: transaction)
        return Stored(id: id, fingerprint: fingerprint(text), expiresAt: expiry)
    }

    /// Tokens in use with fingerprint and end, and how the last renewal went, as JSON.
    package static func show(in transaction: Transaction) async throws -> JSONText {
        try await transaction.query(BakongStatements.tokens).first?.get("answer") ?? JSONText("{}")
    }

    /// What is wrong with the token, for an alarm.
    package struct Trouble: Sendable {
        /// Whether Bakong can be asked no more.
        package let isCritical: Bool
        package let since: Instant?
        /// A JSON object of facts.
        package let evidence: JSONText
    }

    /// How long before its end a token that was not renewed is an alarm: its renewal was due two days before.
    package static let troubledBefore = Duration.seconds(5 * 86_400)

    /// What is wrong with the token; nil where all is well.
    ///
    /// The role of the transaction is the engine's.
    package static func trouble(in transaction: Transaction) async throws -> Trouble? {
        let rows = try await transaction.query(BakongStatements.tokenTrouble, troubledBefore)
        guard let row = rows.first else { return nil }
        return Trouble(
            isCritical: try row.get("severity", as: String.self) == "critical",
            since: try row.get("since"),
            evidence: try row.get("evidence")
        )
    }

    /// Calls of the journal, the latest first, as JSON: those about a key only, or those without an answer only.
    package static func calls(
        _ limit: Int,
        about key: String?,
        failed: Bool,
        in transaction: Transaction
    ) async throws -> JSONText {
        try await transaction.query(BakongStatements.calls, limit, key, failed).first?.get("answer") ?? JSONText("[]")
    }

    /// Stores what is sealed; `renewal` is the holder of the lease under which it came, nil where an operator brought it.
    static func store(
        _ sealed: [UInt8],
        _ text: BakongSecret,
        _ key: BakongSealingKey,
        _ expiry: Instant,
        renewal: String?,
        in transaction: Transaction
    ) async throws -> Int64 {
        let answers = try await transaction.pipeline([
            BakongStatements.lockTokens.bind(), BakongStatements.supersedeToken.bind(),
            BakongStatements.storeToken.bind(
                sealed,
                fingerprint(text),
                key.fingerprint,
                expiry,
                renewal == nil ? "operator" : "renewal",
                renewal
            ),
        ])
        guard let row = answers.last?.first else { throw PostgresError(.decoding, "the token has no number") }
        return try row.get("id")
    }

    private static func fingerprint(_ text: BakongSecret) -> String {
        BakongDigest.fingerprint(Array(text.revealed.utf8))
    }
}
