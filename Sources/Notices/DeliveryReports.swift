package import CivilTime
package import JobKit
package import Postgres

/// Reports that came back: stored first, read and applied afterwards, by a run or at once.
package struct DeliveryReports: Sendable {
    /// By which our own return addresses are known; nil: only envelope ids and Message-IDs are.
    package var key: ReturnKey?
    /// How the status posts of transports are read.
    package var mappings: @Sendable () -> [String: StatusMapping]

    package init(key: ReturnKey?, mappings: @escaping @Sendable () -> [String: StatusMapping] = { [:] }) {
        self.key = key
        self.mappings = mappings
    }

    /// Where a report came from.
    package enum Source: Hashable, Sendable {
        case mail
        /// A provider's post, for messages of this transport.
        case status(transport: String)

        fileprivate var words: (source: String, transport: String) {
            switch self {
            case .mail: ("dsn", "")
            case .status(let transport): ("status", transport)
            }
        }
    }

    /// A report that was read, with the message that it tells of.
    package struct Item: Hashable, Sendable {
        let report: Int64
        let reading: Reading
        var found: Found?
        /// The tenant of its message; 0 where there is none.
        package var tenant: Int64 { found?.tenant ?? 0 }

        /// The message.
        struct Found: Hashable, Sendable {
            let tenant: Int64
            let message: Int64
            let channel: String
            /// Nil where it was erased.
            let address: String?
            let matchedBy: String
        }

        /// What stands in it.
        enum Reading: Hashable, Sendable {
            case mail(DeliveryReport)
            case status(transport: String, id: String, isOurID: Bool, verdict: ReturnVerdict, reason: String)
            case automatic(String)
            case unreadable(String)
        }
    }

    /// What became of a report.
    package struct Standing: Hashable, Sendable, Encodable {
        package var report: Int64
        /// The same bytes came before, and nothing was done.
        package var known: Bool
        /// `done`, `unreadable` or `unmatched`; `waiting` while its message is being sent.
        package var state: String
        package var kind: String?
        package var message: Int64?
        package var status: String?
        package var outcome: String?
    }

    /// Stores a report as it came.
    ///
    /// It is durable when the transaction has committed, under any role that may call `bursar.take_report`.
    ///
    /// - Returns: its number, and whether the same bytes never came before.
    package static func take(
        _ body: [UInt8],
        from source: Source,
        in transaction: Transaction
    ) async throws -> (report: Int64, isNew: Bool) {
        let words = source.words
        let rows = try await transaction.query(DeliveryReportStatements.take, words.source, words.transport, body)
        guard let row = rows.first else { throw PostgresError(.misuse, "no report was stored") }
        return (try row.get("report"), try row.get("is_new"))
    }

    /// The oldest reports that wait, read and matched to messages.
    ///
    /// They are locked until the transaction ends, which has the role `bursar_scan`. With numbers only those of them.
    package func pending(limit: Int, only reports: [Int64]? = nil, in transaction: Transaction) async throws -> [Item] {
        let mappings = mappings()
        var items: [Item] = []
        for row in try await transaction.query(DeliveryReportStatements.pending, limit, reports) {
            let (source, transport) = (
                try row.get("source", as: String.self), try row.get("transport", as: String.self)
            )
            let raw = try row.get("raw", as: [UInt8].self)
            let reading = source == "dsn" ? Self.mail(raw) : Self.status(raw, transport, mappings[transport])
            items.append(Item(report: try row.get("id"), reading: reading))
        }
        try await match(&items, in: transaction)
        return items
    }

    /// Applies reports and writes what became of each, all in one transaction: with the role `bursar_app` and the tenants of
    /// the items named.
    package func apply(_ items: [Item], at moment: Instant, in transaction: Transaction) async throws {
        var marks = ReportMarks()
        var effects: [(item: Item, effect: NoticeReturns.Effect)] = []
        for item in items {
            if let effect = item.effect { effects.append((item, effect)) } else { marks.setAside(item) }
        }
        let outcomes = try await NoticeReturns.apply(effects.map(\.effect), at: moment, in: transaction)
        for (pair, outcome) in zip(effects, outcomes) { marks.applied(pair.item, pair.effect, outcome) }
        try await marks.write(in: transaction)
    }

    /// Works off what waits, in chunks of a run, and answers how many reports there were: whatever sends notices calls it
    /// before it sends, so that nothing goes to an address of which it is known that it is gone.
    package func process(limit: Int = 200, in context: JobContext) async throws -> Int {
        var total = 0
        while true {
            let count = try await context.chunk(
                select: { transaction, _ in try await pending(limit: limit, in: transaction) },
                tenant: \.tenant,
                apply: { transaction, items, _ in try await apply(items, at: context.asOf, in: transaction) }
            )
            total += count
            // A dry run is rolled back, and would find the same ones for ever.
            if count < limit || context.run.isDryRun { return total }
        }
    }

    /// What became of a report, for whoever brought it.
    package static func standing(of report: Int64, known: Bool, in transaction: Transaction) async throws -> Standing {
        guard let row = try await transaction.query(DeliveryReportStatements.standing, report).first else {
            throw PostgresError(.misuse, "there is no report \(report)")
        }
        return Standing(
            report: report,
            known: known,
            state: try row.get("state"),
            kind: try row.get("kind"),
            message: try row.get("message"),
            status: try row.get("status"),
            outcome: try row.get("outcome")
        )
    }

    /// Business time, for whoever applies reports outside of a run.
    package static func businessNow(in transaction: Transaction) async throws -> Instant {
        guard let row = try await transaction.query(DeliveryReportStatements.now).first else {
            throw PostgresError(.misuse, "the database does not tell the time")
        }
        return try row.get("now")
    }

    // MARK: Reading

    private static func mail(_ raw: [UInt8]) -> Item.Reading {
        switch DeliveryReport.read(raw) {
        case .report(let report): .mail(report)
        case .autoReply(let why): .automatic(why)
        case .unreadable(let why): .unreadable(why)
        }
    }

    private static func status(_ raw: [UInt8], _ transport: String, _ mapping: StatusMapping?) -> Item.Reading {
        guard let mapping else { return .unreadable("no status of \(transport) is configured") }
        switch mapping.read(raw) {
        case .tells(let id, let verdict, let reason):
            return .status(
                transport: transport,
                id: id,
                isOurID: mapping.isOurID,
                verdict: verdict,
                reason: DiagnosticCode.withoutAddresses(reason)
            )
        case .unreadable(let why): return .unreadable(why)
        }
    }

    // MARK: Matching

    private func match(_ items: inout [Item], in transaction: Transaction) async throws {
        let clues = items.map { Clues($0.reading, key) }
        guard clues.contains(where: { !$0.isEmpty }) else { return }
        let rows = try await transaction.query(
            DeliveryReportStatements.messages,
            clues.map(\.token),
            clues.map(\.envelope),
            clues.map(\.messageID),
            clues.map(\.providerID),
            clues.map(\.transport)
        )
        for row in rows {
            let place = try row.get("place", as: Int.self) - 1
            items[place].found = Item.Found(
                tenant: try row.get("tenant_id"),
                message: try row.get("id"),
                channel: try row.get("channel"),
                address: try row.get("address"),
                matchedBy: try row.get("matched_by")
            )
        }
    }

    /// What may tell which message a report is of.
    private struct Clues {
        var token: Int64?
        var envelope: String?
        var messageID: String?
        var providerID: String?
        var transport: String?

        var isEmpty: Bool { token == nil && envelope == nil && messageID == nil && providerID == nil }

        init(_ reading: Item.Reading, _ key: ReturnKey?) {
            switch reading {
            case .mail(let report):
                if let key {
                    token = report.returnPaths.lazy.compactMap { BounceToken.find(in: $0, key: key) }.first
                    token = token ?? report.envelopeID.flatMap { BounceToken.read($0, key: key) }
                }
                envelope = report.envelopeID.map { String($0.drop { $0 == "<" }.prefix { $0 != ">" }) }
                messageID = report.messageID
            case .status(let ofTransport, let id, let isOurID, _, _):
                transport = ofTransport
                if isOurID { messageID = id } else { providerID = id }
            case .automatic, .unreadable: break
            }
        }
    }
}
