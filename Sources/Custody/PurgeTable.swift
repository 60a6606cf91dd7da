/// What may be purged: the same list as the database's `bursar.purge_rules()`, which a test compares.
///
/// A table that is not here is never touched, whatever a file says. A name with a dot is a column of a table: it is emptied, and
/// the row stays.
package enum PurgeTable: String, CaseIterable, Sendable {
    case runHistory = "run_history"
    case attempt
    case attemptLine = "attempt_line"
    case outsideEffect = "outside_effect"
    case webhookEvent = "webhook_event"
    case webhookBody = "webhook_event.body"
    case webhookConflict = "webhook_conflict"
    case bakongCall = "bakong_call"
    case observationText = "observation.raw"
    case messageBody = "message_body"
    case deliveryReport = "delivery_report"

    /// The column that a row is as old as.
    package var clock: String {
        switch self {
        case .runHistory: "finished_at"
        case .attempt: "started_at"
        case .attemptLine: "at"
        case .outsideEffect: "intended_at"
        case .webhookEvent, .webhookBody, .webhookConflict, .deliveryReport: "received_at"
        case .bakongCall: "begun_at"
        case .observationText: "recorded_at"
        case .messageBody: "created_at"
        }
    }

    package var action: PurgeAction {
        switch self {
        case .runHistory: .dropPartition
        case .webhookBody, .observationText: .erase
        default: .delete
        }
    }

    /// The shortest that it may be kept, in days, whatever a file says: what the program itself looks back at.
    ///
    /// The database refuses a cutoff that is younger, whoever passes it.
    package var floorDays: Int {
        switch self {
        // A run that ended is asked for by its schedule, by retries and by the scanner.
        case .runHistory: 31
        // Replay and dispute go back to the bytes; the database keeps them so long too.
        case .webhookEvent, .webhookBody, .webhookConflict, .bakongCall: 30
        // What a bank said is asked for until the books of its quarter are closed.
        case .observationText: 180
        default: 7
        }
    }

    /// Whether a tenant may have a time of its own: only where rows are a tenant's, and go one by one.
    package var hasTenants: Bool {
        switch self {
        case .webhookEvent, .webhookBody, .webhookConflict, .observationText, .messageBody, .deliveryReport: true
        default: false
        }
    }

    /// Tables of the ledger, and what proves it: they are never purged by a policy.
    ///
    /// See docs/decisions/what-is-never-purged.md.
    package static func isLedger(_ name: String) -> Bool {
        ledger.contains(name) || ledgerPrefixes.contains { name.hasPrefix($0) }
    }

    private static let ledger: Set = [
        "allocation", "credit_entry", "audit_entry", "event", "period", "receivable", "observation", "suspense",
        "purge_receipt", "legal_hold", "consent", "tenant", "issuer", "exchange_rate", "writeoff", "notice", "message",
    ]
    private static let ledgerPrefixes = [
        "invoice", "payment", "subscription", "credit", "audit", "observation", "price", "plan",
    ]
}

/// How rows go.
package enum PurgeAction: String, CaseIterable, Sendable {
    case delete
    case dropPartition = "drop_partition"
    /// What they say is emptied; the rows stay, and what makes each of them one.
    case erase
}
