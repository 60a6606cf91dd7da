package import Postgres

/// What a run says about itself in the database, between `begin` and `commit`.
package enum RunStatements {
    /// Locks the run's row and compares the fence.
    ///
    /// First in every transaction of a job.
    static let assertFence = Statement(
        "run.assert_fence",
        """
        select bursar.assert_fence($1, $2)
        """
    )

    /// The same for one of several transactions that read side by side.
    static let assertFenceToRead = Statement(
        "run.assert_fence_to_read",
        """
        select bursar.assert_fence_to_read($1, $2)
        """
    )

    /// Only where the stored one is what the attempt last knew: a database that was promoted without its last commits holds
    /// an older one, and what came after it must not be passed over.
    static let saveCheckpoint = Statement(
        "run.save_checkpoint",
        """
        update bursar.run set checkpoint = $3
        where id = $1 and fence = $2 and state = 'running'
            and (checkpoint ->> 'step', checkpoint ->> 'cursor') is not distinct from ($4::jsonb ->> 'step', $4::jsonb ->> 'cursor')
            and coalesce(checkpoint -> 'counters', '{}') = coalesce($4::jsonb -> 'counters', '{}')
            and coalesce(checkpoint -> 'totals', '{}') = coalesce($4::jsonb -> 'totals', '{}')
        """
    )

    static let supersedeProposals = Statement(
        "run.supersede_proposals",
        """
        with older as (
            update bursar.proposal set state = 'superseded'
            where kind = $1 and subject = $2 and state = 'open' and run_id is distinct from $3
            returning id, run_id
        )
        select bursar.end_runs(array_agg(r.id), 'cancelled', 'superseded by the proposal of run ' || $3::bigint)
        from older o join bursar.run r on r.id = o.run_id
        where r.state = 'needs_approval'
        having count(*) > 0
        """
    )

    static let storeProposal = Statement(
        "run.store_proposal",
        """
        insert into bursar.proposal (kind, subject, run_id, count, totals, digest, why, state, decided_at, decided_by)
        values ($1, $2, $3, $4, $5, $6, $7, $8,
            case when $8 <> 'open' then clock_timestamp() end, case when $8 <> 'open' then 'limit' end)
        returning id
        """
    )

    static let storeProposalItems = Statement(
        "run.store_proposal_items",
        """
        insert into bursar.proposal_item (proposal_id, key, tenant_id, content)
        select $1, item.key, item.tenant_id, item.content::jsonb
        from unnest($2::bigint[], $3::bigint[], $4::text[]) as item (key, tenant_id, content)
        """
    )

    static let decidedProposal = Statement(
        "run.decided_proposal",
        """
        select id, state from bursar.proposal
        where run_id = $1 and state in ('approved', 'applied')
        order by id desc limit 1
        """
    )

    static let approvedItems = Statement(
        "run.approved_items",
        """
        select key, tenant_id, content::text as content from bursar.proposal_item
        where proposal_id = $1 and key > $2
        order by key limit $3
        """
    )

    /// What earlier attempts left without an outcome is unknown from here on.
    ///
    /// What was done once is not intended again.
    static let intend = Statement(
        "run.intend",
        """
        with forgotten as (
            update bursar.outside_effect set outcome = 'unknown', concluded_at = clock_timestamp()
            where run_id = $1 and key = $3 and attempt < $2 and outcome is null
            returning attempt
        ), done as (
            select coalesce(detail, '') as detail from bursar.outside_effect
            where run_id = $1 and key = $3 and outcome = 'done' limit 1
        ), intended as (
            insert into bursar.outside_effect (run_id, attempt, key, what)
            select $1, $2, $3, $4 where not exists (select from done)
        )
        select (select detail from done) as done,
            exists (select from forgotten) or exists (
                select from bursar.outside_effect e
                where e.run_id = $1 and e.key = $3 and e.attempt < $2 and e.outcome = 'unknown'
            ) as unknown
        """
    )

    static let conclude = Statement(
        "run.conclude",
        """
        update bursar.outside_effect set outcome = $4, detail = $5, concluded_at = clock_timestamp()
        where run_id = $1 and attempt = $2 and key = $3 and outcome is null
        """
    )

    static let origin = Statement(
        "run.origin",
        """
        select r.fire_at, r.schedule is not null or exists (
                select from bursar.schedule s
                where s.job = r.job and s.removed_at is null and coalesce(s.definition -> 'parameters', '{}') = r.parameters
            ) as declared
        from bursar.run r where r.id = $1
        """
    )

    /// How long to wait before a provider may be called; nothing where it may be called now, which takes a token.
    static let takeCall = Statement("run.take_call", "select bursar.take_call($1) as wait")

    /// How a call went: the provider, whether it answered, the error, how long it wants to be left alone.
    static let callEnded = Statement("run.call_ended", "select bursar.call_ended($1, $2, $3, $4::interval)")

    package static let all = [
        assertFence, assertFenceToRead, saveCheckpoint, supersedeProposals, storeProposal, storeProposalItems,
        decidedProposal,
        approvedItems, intend, conclude, origin, takeCall, callEnded,
    ]
}
