package import CivilTime
package import Postgres

/// Something that is wrong, since when, and what shows it.
package struct Alarm: Hashable, Sendable {
    package enum Severity: String, Sendable {
        case warning, critical
    }

    /// What is wrong with what: the kind, a colon, and the thing, as `late_start:renewals/17`.
    ///
    /// At most one alarm of a key is raised at a time.
    package let key: String
    package let severity: Severity
    /// Since when; nil for now.
    package let since: Instant?
    /// A JSON object of facts.
    ///
    /// It tells instants and not ages, so that it stays the same while nothing changes.
    package let evidence: JSONText

    package init(_ key: String, _ severity: Severity = .warning, since: Instant? = nil, evidence: JSONText) {
        self.key = key
        self.severity = severity
        self.since = since
        self.evidence = evidence
    }

    /// The part of the key before its first colon.
    package var kind: String { String(key.prefix { $0 != ":" }) }
}

/// The table of alarms: the one place where anything says that something is wrong.
///
/// It writes in its caller's transaction, whose role must be the engine's.
package struct AlarmBook: Sendable {
    private let transaction: Transaction

    package init(in transaction: Transaction) { self.transaction = transaction }

    /// Raises each alarm that is not raised yet; of those that are, evidence and severity are refreshed.
    package func raise(_ alarms: [Alarm]) async throws {
        guard !alarms.isEmpty else { return }
        _ = try await transaction.execute(
            Statements.raise,
            alarms.map(\.key),
            alarms.map(\.severity.rawValue),
            alarms.map(\.since),
            alarms.map(\.evidence.text)
        )
    }

    /// Clears alarms that no longer hold.
    package func clear(_ keys: [String]) async throws {
        guard !keys.isEmpty else { return }
        _ = try await transaction.execute(Statements.clear, keys)
    }

    /// Makes the alarms of these kinds be exactly those that hold: raises, refreshes and clears.
    ///
    /// Where all is as it was nothing is written.
    package func settle(_ kinds: Set<String>, _ holding: [Alarm]) async throws {
        let changes = AlarmChanges(from: try await raised(kinds), to: holding)
        try await raise(changes.toRaise)
        try await clear(changes.toClear)
    }

    /// The alarms of these kinds that are raised.
    package func raised(_ kinds: Set<String>) async throws -> [Alarm] {
        try await transaction.query(Statements.raised, kinds.sorted()).map(Alarm.init)
    }

    package enum Statements {
        static let raise = Statement(
            "engine.raise_alarms",
            """
            insert into bursar.alarm as a (key, severity, since, evidence)
            select key, severity, coalesce(since, clock_timestamp()), evidence::jsonb
            from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[]) as holding (key, severity, since, evidence)
            on conflict (key) where cleared_at is null do update
            set severity = excluded.severity, evidence = excluded.evidence
            where (a.severity, a.evidence) is distinct from (excluded.severity, excluded.evidence)
            """
        )

        static let clear = Statement(
            "engine.clear_alarms",
            """
            update bursar.alarm set cleared_at = clock_timestamp() where key = any ($1) and cleared_at is null
            """
        )

        static let raised = Statement(
            "engine.raised_alarms",
            """
            select key, severity, since, evidence::text as evidence from bursar.alarm
            where kind = any ($1) and cleared_at is null
            """
        )

        package static let all = [raise, clear, raised]
    }
}

/// What has to be written so that the raised alarms are those that hold.
package struct AlarmChanges: Equatable, Sendable {
    /// New, or with other evidence or severity.
    package let toRaise: [Alarm]
    package let toClear: [String]

    package init(from raised: [Alarm], to holding: [Alarm]) {
        let known = Dictionary(raised.map { ($0.key, $0) }) { first, _ in first }
        let keys = Set(holding.map(\.key))
        toRaise = holding.filter { alarm in
            known[alarm.key].map { $0.evidence != alarm.evidence || $0.severity != alarm.severity } ?? true
        }
        toClear = raised.map(\.key).filter { !keys.contains($0) }
    }

    package var isEmpty: Bool { toRaise.isEmpty && toClear.isEmpty }
}

extension Alarm {
    init(_ row: Row) throws {
        self.init(
            try row.get("key"),
            Severity(rawValue: try row.get("severity")) ?? .warning,
            since: try row.get("since"),
            evidence: JSONText(try row.get("evidence", as: String.self))
        )
    }
}
