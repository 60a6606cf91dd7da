internal import CivilTime
internal import JobKit
internal import Postgres

/// The one token of this installation, kept in the database, encrypted: who may use it, and who renews it.
///
/// Of all nodes one renews at a time, under a lease. A new token is stored before it is used; the old one is kept until the
/// new one has answered once, and is used again where the new one is refused.
struct BakongTokenDesk: Sendable {
    let calls: BakongCalls

    private var settings: BakongSettings { calls.client.settings }

    /// The token to use now, renewed first where it ends within a week and nobody else is at it.
    /// - Throws: `.noToken` where there is none, or the key does not open it.
    func token() async throws -> BakongToken {
        let token = try await stored()
        guard token.isDue, settings.email != nil else { return token }
        do {
            return try await renewed(after: token, waits: false) ?? token
        } catch is BakongFault {
            // Its failure is on record; the token has days left.
            return token
        }
    }

    /// Another token, in place of one that was refused: what somebody stored since, or a new one.
    /// - Returns: nil where there is none to be had now.
    func replacement(of refused: BakongToken) async throws -> BakongToken? {
        try await calls.context.record(as: "bursar_engine") { transaction in
            _ = try await transaction.execute(BakongStatements.refuseToken, refused.id)
        }
        if let other = try? await stored(), other.id != refused.id { return other }
        guard settings.email != nil else { return nil }
        do {
            return try await renewed(after: refused, waits: true)
        } catch is BakongFault {
            return nil
        }
    }

    /// Writes down that Bakong has answered to a new token: its predecessors are forgotten.
    func hasAnswered(_ token: BakongToken) async throws {
        try await calls.context.record(as: "bursar_engine") { transaction in
            _ = try await transaction.pipeline([
                BakongStatements.lockTokens.bind(), BakongStatements.retireTokens.bind(token.id),
                BakongStatements.tokenAnswered.bind(token.id),
            ])
        }
    }

    private func stored() async throws -> BakongToken {
        let rows = try await calls.context.record(as: "bursar_engine") { transaction in
            try await transaction.query(BakongStatements.token, BakongToken.renewedBefore)
        }
        guard let row = rows.first else {
            throw BakongFault.noToken("store one with: bursar bakong token set FILE")
        }
        return BakongToken(
            id: try row.get("id"),
            text: try open(row.get("sealed", as: [UInt8].self)),
            hasAnswered: try row.get("has_answered"),
            isDue: try row.get("is_due")
        )
    }

    private func open(_ sealed: [UInt8]) throws -> BakongSecret {
        guard let key = settings.sealingKey else {
            throw BakongFault.noToken("bakong.token_key_file is not set, so the stored one cannot be read")
        }
        do throws(BakongSettingsError) {
            return BakongSecret(try key.open(sealed))
        } catch {
            throw BakongFault.noToken(error.message)
        }
    }

    // Renewal ---------------------------------------------------------------------------------------------------------

    /// A new token, or with `waits` the one that another node is getting now; nil where there is none to be had.
    private func renewed(after old: BakongToken, waits: Bool) async throws -> BakongToken? {
        let holder = "\(UInt64.random(in: 0...UInt64.max))"
        let isMine = try await calls.context.record(as: "bursar_engine") { transaction in
            try await transaction.execute(
                BakongStatements.takeRenewal,
                holder,
                old.id,
                settings.timeout + settings.patience + .seconds(30)
            ) == 1
        }
        guard isMine else { return waits ? try await othersRenewal(of: old) : nil }
        do {
            return try await renew(as: holder)
        } catch {
            await giveBack(holder, error)
            throw error
        }
    }

    private func renew(as holder: String) async throws -> BakongToken {
        guard let email = settings.email, let key = settings.sealingKey else {
            throw BakongFault.noToken("bakong.email_file or bakong.token_key_file is not set")
        }
        let question = BakongQuestion(
            .renewToken,
            ["email": quoted(email.revealed)],
            keys: [],
            secrets: [email]
        )
        let text = try await calls.send(question, nil) { answer throws(BakongFault) in
            guard let text = answer.data?["token"]?.words else { throw .unknownShape("a renewal without a token") }
            return BakongSecret(text)
        }
        let expiry: Instant
        let sealed: [UInt8]
        do throws(BakongSettingsError) {
            expiry = try BakongTokenText.expiry(of: text.revealed)
            sealed = try key.seal(text.revealed)
        } catch {
            throw BakongFault.unknownShape("a renewal whose token cannot be read")
        }
        let id = try await calls.context.record(as: "bursar_engine") { transaction in
            try await BakongTokenStore.store(sealed, text, key, expiry, renewal: holder, in: transaction)
        }
        calls.client.memory.openAll()
        return BakongToken(id: id, text: text, hasAnswered: false, isDue: false)
    }

    /// Ends the lease after a failure, and says when the next try makes sense.
    private func giveBack(_ holder: String, _ error: any Error) async {
        let fault = error as? BakongFault
        let wait: Duration =
            switch fault?.remedy {
            case .after(let wait): wait
            case .person: .seconds(3600)
            case .later, nil: .seconds(600)
            }
        try? await Task {
            try await calls.context.record(as: "bursar_engine") { transaction in
                _ = try await transaction.execute(
                    BakongStatements.giveBackRenewal,
                    holder,
                    wait,
                    fault?.word ?? "broken off"
                )
            }
        }.value
    }

    private func othersRenewal(of old: BakongToken) async throws -> BakongToken? {
        let deadline = ContinuousClock.now + settings.timeout + settings.patience
        while ContinuousClock.now < deadline {
            if let token = try? await stored(), token.id != old.id { return token }
            let isUnderWay = try await calls.context.record(as: "bursar_engine") { transaction in
                try await !transaction.query(BakongStatements.renewalUnderWay).isEmpty
            }
            guard isUnderWay else {
                // It may have been stored between the two looks.
                return try await stored().takeUnless { $0.id == old.id }
            }
            // Waiting: another node renews, and tells nobody but the database.
            try await Task.sleep(for: .milliseconds(100))
        }
        return nil
    }
}

extension BakongToken {
    fileprivate func takeUnless(_ isUnwanted: (BakongToken) -> Bool) -> BakongToken? { isUnwanted(self) ? nil : self }
}
