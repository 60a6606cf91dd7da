package import Postgres
package import Schedules

/// The schedules in force, and how a set of files comes into force.
package struct ScheduleBook: Sendable {
    /// What became of a set of files.
    package enum Verdict: Equatable, Sendable {
        case applied(added: [String], changed: [String], removed: [String])
        /// It is in force already.
        case unchanged
        /// It was in force once and another set since: it returns only by `bursar apply`.
        case older
    }

    let database: PostgresPool

    package init(database: PostgresPool) { self.database = database }

    /// Puts a set of files in force, unless it ever was.
    ///
    /// Fires of the time before are not made up for: a schedule that is new, returns, is enabled again or keeps other
    /// time starts at business now.
    ///
    /// - Parameters:
    ///   - set: the files, read and checked.
    ///   - actor: who wants it.
    ///   - isDeliberate: a person asked for exactly these files, so that a set that was in force before may return.
    /// - Returns: what became of it.
    /// - Throws: an error of the database; nothing changed.
    package func apply(_ set: ScheduleSet, by actor: String, isDeliberate: Bool = false) async throws -> Verdict {
        try await database.withTransaction(.engine) { transaction in
            try await apply(set, by: actor, isDeliberate: isDeliberate, in: transaction)
        }
    }

    /// The same in the caller's transaction, which holds the book from here on.
    func apply(
        _ set: ScheduleSet,
        by actor: String,
        isDeliberate: Bool,
        in transaction: Transaction
    ) async throws -> Verdict {
        _ = try await transaction.query(Statements.lockBook)
        let known = try await transaction.query(Statements.standing, set.contentHash)
        if let row = known.first {
            if try row.get("in_force", as: Bool.self) { return .unchanged }
            if try row.get("applied_before", as: Bool.self), !isDeliberate { return .older }
        }
        _ = try await transaction.execute(Statements.recordSet, set.contentHash, actor)
        let changes = try await transaction.query(
            Statements.upsert,
            set.schedules.map(\.name),
            set.schedules.map(\.job),
            set.schedules.map(\.definitionJSON),
            set.schedules.map(\.isEnabled)
        )
        let added = try changes.filter { try $0.get("added", as: Bool.self) }.map {
            try $0.get("name", as: String.self)
        }
        let changed = try changes.filter { try !$0.get("added", as: Bool.self) }.map {
            try $0.get("name", as: String.self)
        }
        let removed = try await transaction.query(Statements.remove, set.schedules.map(\.name))
            .map { try $0.get("name", as: String.self) }
        return .applied(added: added.sorted(), changed: changed.sorted(), removed: removed.sorted())
    }

    package enum Statements {
        static let lockBook = Statement(
            "engine.lock_schedule_book",
            """
            select pg_advisory_xact_lock(hashtext('bursar.schedule_book'))
            """
        )

        static let standing = Statement(
            "engine.schedule_set_standing",
            """
            select
                coalesce((select hash = $1 from bursar.schedule_set order by id desc limit 1), false) as in_force,
                exists (select from bursar.schedule_set where hash = $1) as applied_before
            """
        )

        static let recordSet = Statement(
            "engine.record_schedule_set",
            """
            insert into bursar.schedule_set (hash, applied_by) values ($1, $2)
            """
        )

        static let upsert = Statement(
            "engine.upsert_schedules",
            """
            insert into bursar.schedule as s (name, job, definition, enabled, high_water, counted_from)
            select file.name, file.job, file.definition::jsonb, file.enabled, clock.now, clock.now
            from unnest($1::text[], $2::text[], $3::text[], $4::boolean[]) as file (name, job, definition, enabled)
            cross join (select bursar.business_now() as now) as clock
            on conflict (name) do update
            set job = excluded.job, definition = excluded.definition, enabled = excluded.enabled, removed_at = null,
                version = nextval('bursar.schedule_version'),
                high_water = case
                    when s.removed_at is not null or excluded.enabled and not s.enabled
                        or bursar.restarts_time(s.definition, excluded.definition)
                    then greatest(s.high_water, excluded.high_water)
                    else s.high_water
                end,
                counted_from = case
                    when s.removed_at is not null or excluded.enabled and not s.enabled
                        or bursar.restarts_time(s.definition, excluded.definition)
                    then greatest(s.high_water, excluded.high_water)
                    else s.counted_from
                end
            where s.definition <> excluded.definition or s.removed_at is not null
            returning name, xmax = 0 as added
            """
        )

        static let remove = Statement(
            "engine.remove_schedules",
            """
            update bursar.schedule set removed_at = clock_timestamp(), version = nextval('bursar.schedule_version')
            where removed_at is null and name <> all ($1::text[])
            returning name
            """
        )

        package static let all = [lockBook, standing, recordSet, upsert, remove]
    }
}
