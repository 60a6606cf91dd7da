internal import JobKit
package import Postgres

/// What an operator asks about providers and does to them.
///
/// Every act has a reason, and is written down in its transaction. Answers are JSON, as CLI, console and `/v1` show them.
package struct ProviderDesk: Sendable {
    /// What is set of a provider; what is nil stays as it is.
    package struct Settings: Codable, Equatable, Sendable {
        /// Calls a second, over all nodes.
        package var rate: Double?
        /// Whether any number of calls may be made.
        package var liftsRate: Bool?
        /// Calls that may be saved up.
        package var burst: Double?
        /// Runs that may use it at the same time.
        package var atOnce: Int?
        /// Whether any number of runs may.
        package var liftsAtOnce: Bool?
        /// Calls a day, over all nodes.
        package var perDay: Int?
        /// Whether any number of calls a day may be made.
        package var liftsPerDay: Bool?
        /// Failures in a row that open the circuit.
        package var tripAfter: Int?
        /// How long an open circuit rests, as the database reads it.
        package var rest: String?

        package init() {}

        package var isEmpty: Bool { self == Settings() }
    }

    private let database: PostgresPool
    private let record: ScheduleDesk.Recorder

    package init(database: PostgresPool, record: @escaping ScheduleDesk.Recorder = { _, _ in }) {
        self.database = database
        self.record = record
    }

    /// All providers that jobs name, with their limits, their circuit, and who passes their gate.
    package func list() async throws -> JSONText {
        var options = TransactionOptions()
        options.role = "bursar_ops"
        options.readOnly = true
        return try await database.withTransaction(options) { transaction in
            try await transaction.query(Statements.list).first?.get("answer") ?? JSONText("[]")
        }
    }

    /// Sets limits of a provider; they hold for the next call, on every node.
    /// - Throws: `ScheduleRefusal` where no job names it.
    package func set(_ name: String, _ settings: Settings, reason: String, by actor: String) async throws {
        try await acting(as: actor) { transaction in
            let changed = try await transaction.query(
                Statements.set,
                name,
                settings.liftsRate ?? false,
                settings.rate,
                settings.burst,
                settings.liftsAtOnce ?? false,
                settings.atOnce,
                settings.tripAfter,
                settings.rest,
                settings.liftsPerDay ?? false,
                settings.perDay
            )
            guard let row = changed.first else { throw Self.unknown(name) }
            try await note("provider.set", name, row, reason, in: transaction)
        }
    }

    /// Closes the circuit of a provider that is known to be well again, and forgets when it wanted to be called again.
    /// - Throws: `ScheduleRefusal` where no job names it, or nothing keeps its calls back.
    package func close(_ name: String, reason: String, by actor: String) async throws {
        try await acting(as: actor) { transaction in
            guard let row = try await transaction.query(Statements.find, name).first else { throw Self.unknown(name) }
            guard try await transaction.query(Statements.close, name).first?.get("closed", as: Bool.self) == true else {
                throw ScheduleRefusal(
                    .notSo,
                    "the circuit of \(name) is closed",
                    remedy: "see all of them with: bursar providers list"
                )
            }
            try await note("provider.closed", name, row, reason, in: transaction)
        }
    }

    private func note(
        _ kind: String,
        _ name: String,
        _ row: Row,
        _ reason: String,
        in transaction: Transaction
    ) async throws {
        let facts = ["provider": name, "reason": reason, "settings": try row.get("settings", as: String.self)]
        try await record(
            transaction,
            ScheduleDesk.Note(kind, "provider", row.get("id"), JSONText(encoding: facts))
        )
    }

    private static func unknown(_ name: String) -> ScheduleRefusal {
        ScheduleRefusal(
            .notSo,
            "no job calls a provider named \(name)",
            remedy: "list those that are known with: bursar providers list"
        )
    }

    private func acting<Answer: Sendable>(
        as actor: String,
        _ body: (Transaction) async throws -> Answer
    ) async throws -> Answer {
        var options = TransactionOptions()
        options.role = "bursar_ops"
        options.settings = [("bursar.actor", actor)]
        return try await database.withTransaction(options, body)
    }

    package enum Statements {
        static let list = Statement(
            "engine.list_providers",
            """
            select coalesce(jsonb_agg(to_jsonb(p) - '{id,tokens,counted_at,rest,configured}'::text[] || jsonb_build_object(
                'circuit', case
                    when p.open_until > clock_timestamp() then 'open'
                    when p.open_since is not null then 'trying'
                    when p.asked_to_wait_until > clock_timestamp() then 'waiting'
                    else 'closed' end,
                'rest_seconds', extract(epoch from p.rest),
                'jobs', (select coalesce(jsonb_agg(l.job order by l.job), '[]') from bursar.job_limit l where l.provider = p.name),
                'running', (
                    select count(*) from bursar.gate_pass g join bursar.run r on r.id = g.run_id and r.state = 'running'
                    where g.gate = 'provider:' || p.name
                )) order by p.name), '[]')::text as answer
            from bursar.provider p
            """
        )

        static let find = Statement(
            "engine.find_provider",
            """
            select id, jsonb_build_object('open_since', open_since, 'last_error', last_error)::text as settings
            from bursar.provider where name = $1
            """
        )

        static let set = Statement(
            "engine.set_provider",
            """
            update bursar.provider p
            set rate = case when not $2::boolean then coalesce($3::double precision, p.rate) end, burst = coalesce($4::double precision, p.burst),
                tokens = least(p.tokens, coalesce($4::double precision, p.burst)),
                at_once = case when not $5::boolean then coalesce($6::integer, p.at_once) end,
                trip_after = coalesce($7::integer, p.trip_after), rest = coalesce($8::interval, p.rest),
                per_day = case when not $9::boolean then coalesce($10::integer, p.per_day) end
            where p.name = $1
            returning p.id, jsonb_build_object('rate', p.rate, 'burst', p.burst, 'at_once', p.at_once, 'per_day', p.per_day,
                'trip_after', p.trip_after, 'rest_seconds', extract(epoch from p.rest))::text as settings
            """
        )

        static let close = Statement("engine.close_circuit", "select bursar.close_circuit($1) as closed")

        package static let all = [list, find, set, close]
    }
}
