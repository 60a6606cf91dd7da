package import Payments
package import Postgres

/// The inbox as its processing sees it: posts that nobody has read yet, and what became of them.
///
/// Both calls are made in a transaction of the caller's, with the role `bursar_scan` or `bursar_engine` to read and any of
/// these or `bursar_app` to tell what became of a post: what is told commits with the effect, or not at all.
package struct WebhookInbox: Sendable {
    /// What became of a post.
    package struct Done: Sendable, Equatable {
        package let event: Int64
        /// In a few words: `settled`, `lookup asked for`.
        package let outcome: String
        /// The payment attempt that it belongs to: the post is kept for as long as that payment is open.
        package let attempt: Int64?

        package init(event: Int64, outcome: String, attempt: Int64? = nil) {
            self.event = event
            self.outcome = outcome
            self.attempt = attempt
        }
    }

    /// A batch of posts.
    package struct Pending: Sendable {
        /// In the order in which they came.
        package let hints: [CallbackHint]
        /// Posts that were set aside, since they say nothing of a payment that can be read.
        package let setAside: Int
    }

    /// The sources in force; nil where none can be read.
    private let sources: @Sendable () -> WebhookSources?

    package init(sources: @escaping @Sendable () -> WebhookSources?) { self.sources = sources }

    /// The oldest posts that nobody has processed, locked until the transaction ends, read by their sources' mappings.
    ///
    /// What cannot be read is processed by it with the outcome `unreadable`; what tells of no payment, or is of a source that
    /// is not declared any more, is ignored. Both are kept, and an operator can have them processed again. Where no sources are
    /// in force nothing is pending. Empty hints with posts set aside mean that there may be more.
    package func pending(limit: Int, in transaction: Transaction) async throws -> Pending {
        guard let sources = sources() else { return Pending(hints: [], setAside: 0) }
        var hints: [CallbackHint] = []
        var aside = Marks()
        for row in try await transaction.query(InboxStatements.pending, limit) {
            let (id, source) = (try row.get("id", as: Int64.self), try row.get("source", as: String.self))
            switch sources.reading(source: source, event: id, body: try row.get("body", as: [UInt8].self)) {
            case .hint(let hint): hints.append(hint)
            case .unreadable: aside.add(id, "processed", "unreadable")
            case .noPayment: aside.add(id, "ignored", "tells of no payment")
            case .unknownSource: aside.add(id, "ignored", "its source is not declared")
            }
        }
        try await aside.write(in: transaction)
        return Pending(hints: hints, setAside: aside.ids.count)
    }

    /// Tells what became of posts, all in one statement; one that is not pending stays as it is.
    ///
    /// - Returns: how many were pending.
    @discardableResult
    package func done(_ outcomes: [Done], in transaction: Transaction) async throws -> Int {
        var marks = Marks()
        for outcome in outcomes { marks.add(outcome.event, "processed", outcome.outcome, outcome.attempt) }
        return try await marks.write(in: transaction)
    }

    /// What is written about posts.
    private struct Marks {
        var ids: [Int64] = []
        private var states: [String] = []
        private var outcomes: [String] = []
        private var attempts: [Int64?] = []

        mutating func add(_ id: Int64, _ state: String, _ outcome: String, _ attempt: Int64? = nil) {
            ids.append(id)
            states.append(state)
            outcomes.append(outcome)
            attempts.append(attempt)
        }

        @discardableResult
        func write(in transaction: Transaction) async throws -> Int {
            guard !ids.isEmpty else { return 0 }
            let rows = try await transaction.query(InboxStatements.done, ids, states, outcomes, attempts)
            return try rows.first?.get("count") ?? 0
        }
    }
}
