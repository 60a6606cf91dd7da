package import Postgres

/// The statements of drills: those of the copy run on the scratch server.
package enum DrillStatements {
    static let createDatabase = Statement("custody.create_copy", "create database restored template template0")

    /// A write that every restored copy must take; and from here on it is no production database.
    static let probe = Statement(
        "custody.probe",
        "update bursar.installation set environment = 'staging' where environment is not null"
    )

    static let roles = Statement("custody.copy_roles", "select rolname::text as name from pg_roles")

    /// Of each table of an earlier manifest, `$1`, the rows whose keys are no higher than the highest ones were then.
    ///
    /// `query_to_xml` counts in tables that only a value names, in any copy: an older one has no function for it.
    static let rowsStaying = Statement(
        "custody.rows_staying",
        """
        with covered as (
            select c.relname::text as name, coalesce(
                    string_agg(format('%I <= %s', a.attname, coalesce(m.value, 'null')), ' and ' order by a.attnum)
                        filter (where a.attname is not null),
                    'true'
                ) as condition
            from jsonb_to_recordset($1::jsonb) as t (name text, maxima jsonb)
            join pg_class c on c.relnamespace = 'bursar'::regnamespace and c.relname = t.name
            left join lateral jsonb_each_text(t.maxima) as m on true
            left join pg_attribute a on a.attrelid = c.oid and a.attname = m.key and not a.attisdropped
            group by c.relname
        )
        select name, (xpath(
                '/row/staying/text()',
                query_to_xml(
                    format('select count(*) as staying from only bursar.%I where %s', name, condition), false, true, ''
                )
            ))[1]::text::bigint as staying
        from covered
        """
    )

    static let record = Statement("custody.record_drill", "select bursar.record_drill($1::jsonb) as drill")

    static let now = Statement("custody.drill_now", "select clock_timestamp() as now")

    package static let list = Statement(
        "custody.drills",
        """
        select d.id, d.run_id, d.backup, d.engine, d.source, d.host, d.began_at, d.recorded_at, d.verdict, d.failed_phase, d.told, d.rpo_seconds,
            d.rto_seconds,
            (
                select coalesce(jsonb_agg(jsonb_build_object('name', p.name, 'outcome', p.outcome, 'seconds', p.seconds,
                    'detail', p.detail) order by p.place), '[]')
                from bursar.drill_phase p
                where p.drill_id = d.id
            )::text as phases
        from bursar.drill d
        where $1::bigint is null or d.id = $1
        order by d.id desc
        limit $2
        """
    )

    /// How an engine's backups and drills stand: ages in seconds, null where there is none.
    static let standing = Statement(
        "custody.standing",
        """
        with newest as (
            select b.taken_at, b.sealed_bytes, b.name from bursar.backup b
            where b.engine = $1 and b.removed_at is null
            order by b.taken_at desc limit 1
        ), before as (
            select b.sealed_bytes from bursar.backup b, newest n
            where b.engine = $1 and b.taken_at < n.taken_at
            order by b.taken_at desc limit 7
        ), drilled as (
            select d.id, d.recorded_at, d.verdict, d.told, d.rto_seconds from bursar.drill d
            left join bursar.backup b on b.name = d.backup
            where d.engine = $1
            -- A failure stands until the same backup or a newer one has passed: an older one says nothing of it.
            order by d.verdict = 'fail' and not exists (
                    select from bursar.drill p join bursar.backup later on later.name = p.backup
                    where p.engine = $1 and p.id > d.id and p.verdict = 'pass'
                        and later.taken_at >= coalesce(b.taken_at, '-infinity')
                ) desc, d.id desc
            limit 1
        ), passed as (
            select max(d.recorded_at) as at from bursar.drill d where d.verdict = 'pass' and d.engine = $1
        )
        select (select taken_at from newest) as last_backup_at, (select name from newest) as last_backup,
            extract(epoch from clock_timestamp() - (select taken_at from newest))::float8 as backup_age,
            (select at from passed) as verified_at,
            extract(epoch from clock_timestamp() - (select at from passed))::float8 as restore_age,
            (select sealed_bytes from newest) as bytes,
            (select percentile_cont(0.5) within group (order by sealed_bytes) from before)::float8 as median_bytes,
            (select count(*) from before) as compared,
            (select recorded_at from drilled) as drilled_at, (select verdict from drilled) as verdict, (select told from drilled) as told,
            (select rto_seconds from drilled) as rto_seconds,
            (select created_at from bursar.installation) as installed_at,
            extract(epoch from clock_timestamp() - (select created_at from bursar.installation))::float8 as installed_age
        """
    )

    /// Whether backups by an engine are asked for by a schedule that is on in this environment.
    static let isScheduled = Statement(
        "custody.engine_scheduled",
        """
        select exists (
            select from bursar.schedule s, bursar.installation i
            where s.job = 'backup' and s.enabled and s.removed_at is null and s.definition -> 'environments' ? i.environment
                and coalesce(s.definition -> 'parameters' ->> 'engine', 'dump') = $1
        ) as scheduled
        """
    )

    package static let all = [createDatabase, probe, roles, rowsStaying, record, now, list, standing, isScheduled]
}
