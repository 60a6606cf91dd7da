internal import Billing
package import Postgres

/// The statements of retention.
package enum RetentionStatements {
    static let count = Statement(
        "retention.count",
        """
        select total, due, held, oldest, newest, first_key, last_key, per_tenant::text as per_tenant, next_key, due_since, stuck
        from bursar.purge_count($1::text, $2::timestamptz, $3::bigint[], $4::timestamptz[], $5::timestamptz, $6::bigint, $7::bigint,
            $8::integer)
        """
    )

    static let batch = Statement(
        "retention.batch",
        """
        select row_count, next_key
        from bursar.purge_batch($1::text, $2::timestamptz, $3::bigint[], $4::timestamptz[], $5::bigint, $6::bigint, $7::integer,
            $8::integer, $9::bigint, $10::text, $11::bigint, $12::integer)
        """
    )

    static let partition = Statement(
        "retention.partition",
        """
        select row_count, next_key
        from bursar.purge_partition($1::text, $2::timestamptz, $3::bigint, $4::bigint, $5::bigint, $6::bigint, $7::text, $8::bigint,
            $9::integer)
        """
    )

    static let loaded = Statement("retention.loaded", "select bursar.queue_is_loaded() as is_loaded")

    static let tenants = Statement(
        "retention.tenants",
        """
        select t.id, t.external_ref from bursar.tenant t where t.external_ref = any ($1::text[]) order by t.id
        """
    )

    static let see = Statement(
        "retention.see",
        """
        with seen as (
            insert into bursar.retention_seen (policy_hash, table_name, content)
            select s.hash, s.name, s.content::jsonb from unnest($1::text[], $2::text[], $3::text[]) as s (hash, name, content)
            on conflict do nothing
            returning policy_hash, seen_at
        ), known as (
            select policy_hash, seen_at from seen
            union all
            select r.policy_hash, r.seen_at from bursar.retention_seen r where r.policy_hash = any ($1)
        )
        select k.policy_hash, k.seen_at, bursar.business_now() as now from known k
        """
    )

    static let note = Statement(
        "retention.note",
        """
        insert into bursar.retention_standing as s (table_name, policy_hash, counted_at, rows_due, rows_held, rows_stuck, oldest_due,
            due_since, observing_until, why_left)
        values ($1, $2, bursar.business_now(), $3::bigint, $4::bigint, $5::bigint, $6::timestamptz, $7::timestamptz, $8::timestamptz, $9)
        on conflict (table_name) do update
        set policy_hash = excluded.policy_hash, counted_at = excluded.counted_at, rows_due = excluded.rows_due,
            rows_held = excluded.rows_held, rows_stuck = excluded.rows_stuck, oldest_due = excluded.oldest_due,
            due_since = excluded.due_since, observing_until = excluded.observing_until, why_left = excluded.why_left
        """
    )

    static let forget = Statement(
        "retention.forget",
        """
        delete from bursar.retention_standing where table_name <> all ($1::text[])
        """
    )

    static let late = Statement(
        "retention.late",
        """
        select s.table_name, greatest(s.due_since, s.observing_until) as since,
            jsonb_build_object('table', s.table_name, 'rows', s.rows_due, 'stuck', s.rows_stuck, 'oldest', s.oldest_due,
                'counted_at', s.counted_at, 'why', s.why_left)::text as evidence
        from bursar.retention_standing s
        where s.due_since is not null and greatest(s.due_since, s.observing_until) < bursar.business_now() - $1::interval
        order by s.table_name
        """
    )

    static let standing = Statement(
        "retention.standing",
        """
        select s.table_name, s.rows_due, s.rows_held, s.rows_stuck, s.counted_at, s.why_left,
            case when s.observing_until > bursar.business_now() then s.observing_until end as observing_until,
            greatest(0, coalesce(extract(epoch from bursar.business_now() - s.due_since), 0))::double precision as lag,
            coalesce((
                select sum(d.n_dead_tup)::bigint from pg_stat_user_tables d
                where d.schemaname = 'bursar' and d.relname = split_part(s.table_name, '.', 1)), 0) as dead
        from bursar.retention_standing s order by s.table_name
        """
    )

    package static let all =
        [count, batch, partition, loaded, tenants, see, note, forget, late, standing]
        + CustodyCommands.all.map(\.statement)
}
