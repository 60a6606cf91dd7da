internal import Postgres

/// What is written about reports, as columns of one statement.
struct ReportMarks {
    private var ids: [Int64] = []
    private var states: [String] = []
    private var kinds: [String?] = []
    private var messages: [Int64?] = []
    private var matches: [String?] = []
    private var recipients: [String?] = []
    private var statuses: [String?] = []
    private var diagnostics: [String?] = []
    private var outcomes: [String] = []

    /// A report that changes nothing.
    mutating func setAside(_ item: DeliveryReports.Item) {
        switch item.reading {
        case .automatic(let why): add(item, "done", "auto_reply", outcome: "nothing: \(why)")
        case .unreadable(let why): add(item, "unreadable", nil, outcome: why)
        case .mail, .status:
            let isFound = item.found != nil
            add(
                item,
                isFound ? "unreadable" : "unmatched",
                item.said.verdict?.rawValue,
                outcome: isFound
                    ? "what it says of this recipient contradicts itself" : "it tells of no message that is known here"
            )
        }
    }

    /// A report that was applied; without an outcome it waits for its message.
    mutating func applied(_ item: DeliveryReports.Item, _ effect: NoticeReturns.Effect, _ outcome: String?) {
        let state = outcome == nil ? "waiting" : "done"
        add(item, state, effect.verdict.rawValue, outcome: outcome ?? "its message is being sent")
    }

    private mutating func add(_ item: DeliveryReports.Item, _ state: String, _ kind: String?, outcome: String) {
        ids.append(item.report)
        states.append(state)
        kinds.append(kind)
        messages.append(item.found?.message)
        matches.append(item.found?.matchedBy)
        recipients.append(item.said.recipient)
        statuses.append(item.said.status)
        diagnostics.append(item.said.evidence)
        outcomes.append(outcome)
    }

    func write(in transaction: Transaction) async throws {
        guard !ids.isEmpty else { return }
        try await transaction.query(
            DeliveryReportStatements.done,
            ids,
            states,
            kinds,
            messages,
            matches,
            recipients,
            statuses,
            diagnostics,
            outcomes
        )
    }
}

extension DeliveryReports.Item {
    /// What the report says of the recipient of its message.
    struct Said: Hashable {
        var verdict: ReturnVerdict?
        var recipient: String?
        var status: String?
        var evidence: String?
    }

    var said: Said {
        switch reading {
        case .mail(let report):
            let recipient = report.recipient(for: found?.address)
            let code = recipient.flatMap { ReturnVerdict.telling($0.status, $0.diagnostic) }
            return Said(
                verdict: recipient?.verdict,
                recipient: recipient.flatMap { $0.original ?? $0.final },
                status: code?.description,
                evidence: recipient?.diagnostic?.text
            )
        case .status(_, _, _, let verdict, let reason): return Said(verdict: verdict, evidence: reason)
        case .automatic, .unreadable: return Said()
        }
    }

    /// What it does; nil where it does nothing.
    var effect: NoticeReturns.Effect? {
        guard let found, let verdict = said.verdict else { return nil }
        let words = [said.status, said.evidence].compactMap(\.self).joined(separator: " ")
        var source = "dsn"
        if case .status(let transport, _, _, _, _) = reading { source = "status:\(transport)" }
        return NoticeReturns.Effect(
            tenant: found.tenant,
            message: found.message,
            verdict: verdict,
            source: source,
            evidence: "report \(report): \(words.isEmpty ? verdict.rawValue : words)"
        )
    }
}
