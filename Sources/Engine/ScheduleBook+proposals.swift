internal import JobKit
package import Postgres
package import Schedules
package import CivilTime

extension ScheduleBook {
    /// The kind of proposal that an edit of the schedules is.
    package static let proposalKind = "schedule_edit"

    /// A preview of an edit, and the proposal that keeps it; no proposal where nothing would change.
    package struct Proposed: Sendable {
        package let proposal: Int64?
        package let edit: ScheduleEdit
        /// The hash of the files it was made from.
        package let files: String
        /// The hash of the set that is in force; nil where none ever was.
        package let inForce: String?
        /// Business time when it was made.
        package let asOf: Instant
    }

    /// What an apply did.
    package struct Applied: Sendable {
        /// Nil where the files were in force already.
        package let proposal: Int64?
        package let verdict: Verdict

        /// One that no proposal stands for.
        package init(_ verdict: Verdict, proposal: Int64? = nil) {
            self.proposal = proposal
            self.verdict = verdict
        }
    }

    /// Compares files with what is in force and stores what an apply would change, in place of older previews.
    package func propose(_ set: ScheduleSet, by actor: String) async throws -> Proposed {
        try await database.withTransaction(.engine) { transaction in
            _ = try await transaction.query(Statements.lockBook)
            return try await store(set, by: actor, in: transaction)
        }
    }

    /// Puts files in force as a proposal said.
    ///
    /// - Parameters:
    ///   - proposal: its number.
    ///   - set: the files, read and checked.
    ///   - actor: who wants it.
    ///   - record: writes the act down, in its transaction.
    /// - Returns: what became of it.
    /// - Throws: `ScheduleRefusal` where the proposal is unknown or decided, where the files are no longer those that it was
    ///   made from, or where another set has come into force since.
    package func apply(
        proposal: Int64,
        files set: ScheduleSet,
        by actor: String,
        record: ScheduleDesk.Recorder
    ) async throws -> Applied {
        try await database.withTransaction(.engine(for: actor)) { transaction in
            _ = try await transaction.query(Statements.lockBook)
            guard let row = try await transaction.query(ProposalStatements.read, proposal).first else {
                throw ScheduleRefusal(
                    .notSo,
                    "there is no proposal \(proposal) of an edit of the schedules",
                    remedy: "make one with: bursar plan"
                )
            }
            try Self.check(row, proposal, set)
            return try await carryOut(set, proposal, by: actor, record, in: transaction)
        }
    }

    /// Puts files in force, with the preview kept as the proposal that was applied.
    package func proposeAndApply(
        _ set: ScheduleSet,
        by actor: String,
        record: ScheduleDesk.Recorder
    ) async throws -> Applied {
        try await database.withTransaction(.engine(for: actor)) { transaction in
            _ = try await transaction.query(Statements.lockBook)
            guard let proposal = try await store(set, by: actor, in: transaction).proposal else {
                // Nothing changes by it; that exactly these files were wanted is recorded all the same.
                return Applied(try await apply(set, by: actor, isDeliberate: true, in: transaction))
            }
            return try await carryOut(set, proposal, by: actor, record, in: transaction)
        }
    }

    private static func check(_ row: Row, _ proposal: Int64, _ set: ScheduleSet) throws {
        let state = try row.get("state", as: String.self)
        guard state == "open" else {
            throw ScheduleRefusal(
                .notSo,
                state == "superseded"
                    ? "proposal \(proposal) was superseded by a newer one" : "proposal \(proposal) is \(state) already",
                remedy: "look at the edit anew with: bursar plan"
            )
        }
        guard try row.get("digest", as: String.self) == set.contentHash else {
            throw ScheduleRefusal(
                .moved,
                "the schedule files are no longer those that proposal \(proposal) was made from",
                remedy: "look at the edit anew with: bursar plan, where the daemon's files are"
            )
        }
        guard try row.get("unmoved", as: Bool.self) else {
            throw ScheduleRefusal(
                .moved,
                "other schedule files came into force since proposal \(proposal) was made",
                remedy: "look at the edit anew with: bursar plan"
            )
        }
    }

    private func carryOut(
        _ set: ScheduleSet,
        _ proposal: Int64,
        by actor: String,
        _ record: ScheduleDesk.Recorder,
        in transaction: Transaction
    ) async throws -> Applied {
        let verdict = try await apply(set, by: actor, isDeliberate: true, in: transaction)
        _ = try await transaction.execute(ProposalStatements.close, proposal, actor)
        try await record(
            transaction,
            ScheduleDesk.Note(
                "schedules.applied",
                "proposal",
                proposal,
                try JSONText(encoding: ["files": set.contentHash])
            )
        )
        return Applied(verdict, proposal: proposal)
    }

    private func store(_ set: ScheduleSet, by actor: String, in transaction: Transaction) async throws -> Proposed {
        let rows = try await transaction.query(ProposalStatements.standing)
        guard let first = rows.first else { throw PostgresError(.decoding, "no installation") }
        let now = try first.get("now", as: Instant.self)
        let inForce = try first.get("hash", as: String?.self)
        let standing = try rows.compactMap(Self.standing)
        let environment = ScheduleEnvironment(rawValue: try first.get("environment")) ?? .production
        let edit = ScheduleEdit(from: standing, to: set, at: now, in: environment)
        var proposal: Int64?
        if !edit.isEmpty {
            let counts = [ScheduleEdit.Kind.added, .changed, .removed].map { ($0.rawValue, edit.count(of: $0)) }
            proposal = try await transaction.query(
                ProposalStatements.store,
                edit.changes.count,
                try JSONText(encoding: Dictionary(uniqueKeysWithValues: counts)),
                set.contentHash,
                counts.map { "\($0.1) \($0.0)" }.joined(separator: ", "),
                actor,
                edit.changes.map(\.json.canonicalText)
            ).first?.get("id")
        }
        return Proposed(proposal: proposal, edit: edit, files: set.contentHash, inForce: inForce, asOf: now)
    }

    /// Nil for the row that only tells the clock, and for a definition that this version does not understand: it counts as
    /// one that is not there.
    private static func standing(_ row: Row) throws -> ScheduleEdit.Standing? {
        guard let name = try row.get("name", as: String?.self),
            let schedule = try? Schedule(name: name, definitionJSON: row.get("definition"))
        else { return nil }
        return ScheduleEdit.Standing(
            schedule,
            highWater: try row.get("high_water"),
            isPaused: try row.get("paused")
        )
    }

    package enum ProposalStatements {
        static let standing = Statement(
            "engine.schedules_standing",
            """
            select bursar.business_now() as now, i.environment,
                (select hash from bursar.schedule_set order by id desc limit 1) as hash,
                s.name, s.definition::text as definition, s.high_water, s.paused_at is not null as paused
            from bursar.installation i
            left join bursar.schedule s on s.removed_at is null
            order by s.name
            """
        )

        static let store = Statement(
            "engine.store_schedule_edit",
            """
            with older as (
                update bursar.proposal set state = 'superseded' where kind = 'schedule_edit' and state = 'open'
            ), stored as (
                insert into bursar.proposal (kind, subject, count, totals, digest, why, facts)
                values ('schedule_edit', 'schedules', $1, $2::jsonb, $3, $4, jsonb_build_object('made_by', $5::text,
                    'schedule_set', (select max(id) from bursar.schedule_set)))
                returning id
            ), items as (
                insert into bursar.proposal_item (proposal_id, key, content)
                select s.id, item.place, item.content::jsonb
                from stored s, unnest($6::text[]) with ordinality as item (content, place)
            )
            select id from stored
            """
        )

        static let read = Statement(
            "engine.read_schedule_edit",
            """
            select p.state, p.digest,
                (p.facts ->> 'schedule_set')::bigint is not distinct from (select max(id) from bursar.schedule_set) as unmoved
            from bursar.proposal p
            where p.id = $1 and p.kind = 'schedule_edit'
            for no key update
            """
        )

        static let close = Statement(
            "engine.close_schedule_edit",
            """
            update bursar.proposal set state = 'applied', decided_at = clock_timestamp(), decided_by = $2 where id = $1
            """
        )

        package static let all = [standing, store, read, close]
    }
}
