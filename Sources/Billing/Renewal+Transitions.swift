package import CivilTime
package import Postgres

extension Renewal {
    /// A change of state that time brings about.
    package enum Turn: String, Sendable, CaseIterable {
        /// The first day has come: the trial or the first period begins.
        case started
        /// The first day after the trial has come.
        case trialEnded = "trial_ended"
        /// The day of resuming has come; days of the pause that were not charged stay uncharged.
        case resumed
        /// An invoice is not paid and its due date has passed.
        case overdue
        /// The day of cancelling has come and nothing before it is left to bill.
        case canceled
    }

    /// Subscriptions for which time has brought about one of these turns, by id, over all tenants.
    package static func turning(
        _ turns: [Turn],
        asOf: Instant,
        after: Int64?,
        limit: Int,
        in transaction: Transaction
    ) async throws -> [Due] {
        let causes = turns.map(\.rawValue)
        return try await transaction.query(RenewalTransitionStatements.due, asOf, causes, after ?? 0, limit).due()
    }

    /// Makes these turns for those subscriptions for which they are still due once their rows are locked.
    ///
    /// Turns of one call must exclude each other, since each starts from the state before the call.
    /// - Returns: how many subscriptions turned.
    package static func turn(
        _ due: [Due],
        _ turns: [Turn],
        _ act: Act,
        in transaction: Transaction
    ) async throws -> Int {
        typealias Statements = RenewalTransitionStatements
        var batch = [Statements.lock.bind(due.tenants, due.subscriptions)]
        if turns.contains(.resumed) {
            batch.append(Statements.skipPause.bind(due.tenants, due.subscriptions, act.asOf))
        }
        batch.append(
            Statements.turn.bind(due.tenants, due.subscriptions, turns.map(\.rawValue), act.asOf, act.run)
        )
        return try await transaction.pipeline(batch).last?.count ?? 0
    }
}

/// The statements by which time changes states.
package enum RenewalTransitionStatements {
    static let due = Statement(
        "billing.due_transitions",
        """
        select t.tenant_id, t.subscription_id
        from bursar.transitions_due($1) as t
        where t.cause = any ($2::text[]) and t.subscription_id > $3
        order by t.subscription_id
        limit $4
        """
    )

    static let lock = Statement(
        "billing.lock_subscriptions",
        """
        select s.id
        from unnest($1::bigint[], $2::bigint[]) as due (tenant_id, id)
        join bursar.subscription s on s.tenant_id = due.tenant_id and s.id = due.id
        order by s.id
        for no key update of s
        """
    )

    /// Leaves the uncharged days of a pause that is over uncharged: tenants, subscriptions, as_of.
    static let skipPause = Statement(
        "billing.skip_pause",
        """
        select bursar.skip_to(s, s.paused_until, 'paused')
        from unnest($1::bigint[], $2::bigint[]) as due (tenant_id, id)
        join bursar.subscription s on s.tenant_id = due.tenant_id and s.id = due.id
        join bursar.issuer i on i.id = s.issuer_id
        where s.state = 'paused' and s.parked_at is null and s.next_from < s.paused_until
            and s.paused_until <= ($3::timestamptz at time zone i.time_zone)::date
        """
    )

    /// Changes the state, with its transition, event and audit row: tenants, subscriptions, causes, as_of, run.
    static let turn = Statement(
        "billing.turn",
        """
        with moment as materialized (
            select bursar.business_now() as at
        ), due as materialized (
            select t.*
            from unnest($1::bigint[], $2::bigint[]) as chunk (tenant_id, id)
            cross join lateral (
                select * from bursar.transitions_due($4) as t
                where t.tenant_id = chunk.tenant_id and t.subscription_id = chunk.id
                offset 0
            ) as t
            where t.cause = any ($3::text[])
        ), moved as (
            update bursar.subscription s
            set state = due.to_state, transitions = s.transitions + 1,
                paused_until = case when due.from_state <> 'paused' then s.paused_until end
            from due
            where s.tenant_id = due.tenant_id and s.id = due.subscription_id and s.state = due.from_state
            returning s.tenant_id, s.id, s.transitions as seq, due.from_state, due.to_state, due.cause,
                jsonb_build_object('from', due.from_state, 'to', due.to_state) as content
        ), recorded as (
            insert into bursar.subscription_transition (
                tenant_id, subscription_id, seq, from_state, to_state, cause, as_of, run_id
            )
            select tenant_id, id, seq, from_state, to_state, cause, $4, $5::bigint from moved
        ), events as (
            insert into bursar.event (tenant_id, at, kind, subject_kind, subject_id, run_id, content)
            select tenant_id, at, 'subscription.' || cause, 'subscription', id, $5, content
            from moved cross join moment
        ), audited as (
            insert into bursar.audit_entry (tenant_id, at, actor, action, object, run_id, canonical)
            select tenant_id, at, bursar.actor(), 'subscription.' || cause, 'subscription:' || id, $5,
                bursar.audit_canonical(
                    tenant_id, at, bursar.actor(), 'subscription.' || cause, 'subscription:' || id, $5, content
                )
            from moved cross join moment
        )
        select tenant_id, id from moved
        """
    )

    package static let all = [due, lock, skipPause, turn]
}
