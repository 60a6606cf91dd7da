internal import Events
package import CivilTime
internal import JobKit
package import Postgres

/// What an operator asks about stored posts and does with them.
///
/// Answers are JSON, as the CLI and `/v1` show them.
package struct WebhookDesk: Sendable {
    /// Which posts are meant; what is nil does not matter.
    package struct Filter: Sendable, Equatable {
        package var source: String?
        /// `received`, `processed`, `ignored`; or `conflict` for those under whose id another body came.
        package var state: String?
        /// Of the time of arrival: from, inclusive, and until, exclusive.
        package var since: Instant?
        package var until: Instant?
        /// Numbers of posts.
        package var ids: [Int64]?

        package init(
            source: String? = nil,
            state: String? = nil,
            since: Instant? = nil,
            until: Instant? = nil,
            ids: [Int64]? = nil
        ) {
            self.source = source
            self.state = state
            self.since = since
            self.until = until
            self.ids = ids
        }
    }

    /// The most posts that one replay takes.
    package static let mostReplays = 10_000

    private let database: PostgresPool

    package init(database: PostgresPool) { self.database = database }

    /// The newest first, without their bodies.
    package func list(_ filter: Filter, limit: Int) async throws -> JSONText {
        try await read(Statements.list.bound(filter, limit))
    }

    /// A post with its headers, its body in base64, and what came under its id besides; null where there is none.
    package func show(_ id: Int64) async throws -> JSONText { try await read(Statements.show.bind(id)) }

    /// How many posts wait to be processed, and since when.
    package func depth() async throws -> JSONText { try await read(Statements.depth.bind()) }

    /// Stores which posts a filter means now, as a proposal of having them processed again.
    ///
    /// Posts that wait to be processed anyway are left out. Where there are none there is no proposal.
    package func planReplay(_ filter: Filter, by actor: String) async throws -> JSONText {
        try await acting(as: actor) { transaction in
            let bound = Statements.planReplay.bound(filter, Self.mostReplays, actor)
            return try await transaction.query(bound).first?.get("answer") ?? JSONText("null")
        }
    }

    /// Has the posts of a proposal processed again; those that changed since are left as they are.
    ///
    /// Done twice it does nothing the second time, and answers what the first time did.
    ///
    /// - Throws: `WebhookRefusal` where there is no such proposal, or a newer one has taken its place.
    package func replay(proposal: Int64, reason: String, by actor: String) async throws -> JSONText {
        try await acting(as: actor) { transaction in
            guard let row = try await transaction.query(Statements.readReplay, proposal).first else {
                throw WebhookRefusal(
                    "there is no proposal \(proposal) of a replay",
                    remedy: "make one with: bursar webhooks replay --source …"
                )
            }
            switch try row.get("state", as: String.self) {
            case "applied":
                return try await transaction.query(Statements.report, proposal).first?.get("answer") ?? JSONText("null")
            case "open": break
            default:
                throw WebhookRefusal(
                    "proposal \(proposal) was superseded by a newer one",
                    remedy: "look at it anew with: bursar webhooks replay --source …"
                )
            }
            let replayed = try await transaction.execute(Statements.replay, proposal)
            _ = try await transaction.execute(Statements.close, proposal, actor, reason, replayed)
            let facts = try JSONText(encoding: ReplayNote(reason: reason, replayed: replayed))
            try await HouseNote("webhooks.replayed", "proposal", proposal, content: facts).write(in: transaction)
            _ = try await transaction.query(InboxStatements.wake)
            return try await transaction.query(Statements.report, proposal).first?.get("answer") ?? JSONText("null")
        }
    }

    private struct ReplayNote: Encodable {
        let reason: String
        let replayed: Int
    }

    private func read(_ bound: BoundStatement) async throws -> JSONText {
        let options = TransactionOptions(role: "bursar_ops", readOnly: true)
        return try await database.withTransaction(options) { transaction in
            try await transaction.query(bound).first?.get("answer") ?? JSONText("null")
        }
    }

    private func acting(
        as actor: String,
        _ body: (Transaction) async throws -> JSONText
    ) async throws -> JSONText {
        let options = TransactionOptions(role: "bursar_engine", settings: [("bursar.actor", actor)])
        return try await database.withTransaction(options, body)
    }
}

/// A replay that is not done: why, and what to do.
package struct WebhookRefusal: Error, Sendable, CustomStringConvertible {
    package let description: String
    package let remedy: String

    init(_ description: String, remedy: String) {
        self.description = description
        self.remedy = remedy
    }
}

extension Statement {
    /// A filter's five values, and then the others.
    fileprivate func bound(_ filter: WebhookDesk.Filter, _ others: any PostgresEncodable...) -> BoundStatement {
        BoundStatement(self, [filter.source, filter.state, filter.since, filter.until, filter.ids] + others)
    }
}
