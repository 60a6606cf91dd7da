package import Postgres

/// The statements of suspensions.
///
/// `rules` is the JSON that `bursar.suspension_gates` explains.
package enum SuspensionStatements {
    static let blastGate = Statement("standing.blast_gate", "select bursar.blast_gate($1)::text as gate")

    /// What payments lock first: tenants, subscriptions.
    static let lockReceivables = Statement(
        "standing.lock_receivables",
        """
        select r.invoice_id
        from unnest($1::bigint[], $2::bigint[]) as due (tenant_id, id)
        join bursar.receivable r on r.tenant_id = due.tenant_id and r.subscription_id = due.id
        where r.state = 'open'
        order by r.invoice_id
        for no key update of r
        """
    )

    static let lockSubscriptions = Statement(
        "standing.lock_subscriptions",
        """
        select s.id
        from unnest($1::bigint[], $2::bigint[]) as due (tenant_id, id)
        join bursar.subscription s on s.tenant_id = due.tenant_id and s.id = due.id
        order by s.id
        for no key update of s
        """
    )

    /// Judges locked subscriptions by their gates, and moves those that pass every one, with transition, event and audit row:
    /// tenants, subscriptions, what was approved of each, as_of, rules, run, the run's own gate.
    static let apply = Statement(
        "standing.apply",
        """
        with moment as materialized (
            select bursar.business_now() as at
        ), judged as materialized (
            select g.*, g.red is null
                    and (chunk.approved is null or chunk.approved::jsonb = jsonb_build_object('to', g.to_state, 'invoice', g.invoice_id,
                        'currency', g.currency, 'owed', g.owed)) as moves
            from bursar.suspension_gates($4, $5, $1, $2) as g
            join unnest($1::bigint[], $2::bigint[], $3::text[]) as chunk (tenant_id, id, approved)
                on chunk.tenant_id = g.tenant_id and chunk.id = g.subscription_id
            where g.to_state is not null
        ), moved as (
            update bursar.subscription s
            set state = j.to_state, transitions = s.transitions + 1
            from judged j
            where j.moves and s.tenant_id = j.tenant_id and s.id = j.subscription_id and s.state = j.from_state
            returning s.tenant_id, s.id, s.transitions as seq, j.from_state, j.to_state,
                jsonb_build_object('from', j.from_state, 'to', j.to_state, 'invoice', j.invoice_id, 'currency', j.currency,
                    'owed', j.owed) as content,
                jsonb_build_object('invoice', j.invoice_id, 'currency', j.currency, 'owed', j.owed,
                    'gates', j.gates || jsonb_build_array($7::jsonb)) as evidence
        ), recorded as (
            insert into bursar.subscription_transition (
                tenant_id, subscription_id, seq, from_state, to_state, cause, as_of, run_id, content
            )
            select tenant_id, id, seq, from_state, to_state, 'unpaid', $4, $6::bigint, evidence from moved
        ), events as (
            insert into bursar.event (tenant_id, at, kind, subject_kind, subject_id, run_id, content)
            select tenant_id, at, 'subscription.' || to_state, 'subscription', id, $6, content
            from moved cross join moment
        ), audited as (
            insert into bursar.audit_entry (tenant_id, at, actor, action, object, run_id, canonical)
            select tenant_id, at, bursar.actor(), 'subscription.' || to_state, 'subscription:' || id, $6,
                bursar.audit_canonical(
                    tenant_id, at, bursar.actor(), 'subscription.' || to_state, 'subscription:' || id, $6, evidence
                )
            from moved cross join moment
        )
        select j.subscription_id, m.to_state as moved_to, j.red, j.currency, j.owed
        from judged j left join moved m on m.tenant_id = j.tenant_id and m.id = j.subscription_id
        order by j.subscription_id
        """
    )

    /// What nobody may leave behind: as_of, rules, run, whether the limit of a run is kept.
    ///
    /// After an approval only its items count.
    static let leftUndone = Statement(
        "standing.left_undone",
        """
        with approved as materialized (
            select p.id from bursar.proposal p where p.run_id = $3::bigint and p.state = 'approved'
        ), looked_at as materialized (
            select array_agg(c.tenant_id order by c.subscription_id) as tenants,
                array_agg(c.subscription_id order by c.subscription_id) as subscriptions
            from bursar.suspension_candidates($1, $2) as c
            where $4::boolean and not exists (select from approved)
                or exists (
                    select from bursar.proposal_item i
                    where i.proposal_id in (select a.id from approved a) and i.key = c.subscription_id
                        and i.content = (
                            select jsonb_build_object('to', g.to_state, 'invoice', g.invoice_id, 'currency', g.currency, 'owed', g.owed)
                            from bursar.suspension_gates($1, $2, array[c.tenant_id], array[c.subscription_id]) as g
                        )
                )
        )
        select 'have passed every gate and are not ' || g.to_state as what, count(*) as count
        from looked_at l
        cross join lateral bursar.suspension_gates($1, $2, l.tenants, l.subscriptions) as g
        where g.red is null and g.to_state is not null
        group by g.to_state
        union all
        select 'were suspended by this run without every gate on record', count(*)
        from bursar.subscription_transition t
        where t.run_id = $3::bigint and t.to_state = 'suspended'
            and (jsonb_typeof(t.content -> 'gates') is distinct from 'array' or jsonb_array_length(t.content -> 'gates') < 11
                or bursar.first_red(t.content -> 'gates') is not null)
        """
    )

    package static let all =
        [blastGate, lockReceivables, lockSubscriptions, apply, leftUndone]
        + SuspensionPreviewStatements.all + ReactivationStatements.all
}
