package import Postgres

/// The statements of backups.
package enum BackupStatements {
    /// Who reads, and of what moment; asked in the transaction of the dump's snapshot, which it lends out.
    static let snapshot = Statement(
        "custody.backup_snapshot",
        """
        select current_user::text as login, (r.rolbypassrls or r.rolsuper) as sees_all, pg_export_snapshot() as snapshot,
            clock_timestamp() as taken_at, bursar.business_now() as as_of,
            current_setting('server_version_num')::integer / 10000 as version, pg_database_size(current_database()) as bytes,
            current_database()::text as database, bursar.kept_out_of_dumps() as kept_out,
            (select i.created_at from bursar.installation i) as installation,
            array(
                select n.nspname::text from pg_namespace n
                where n.nspname not like 'pg\\_%' and n.nspname not in ('information_schema', 'bursar')
                order by n.nspname
            ) as others
        from pg_roles r
        where r.rolname = current_user
        """
    )

    static let stamp = Statement(
        "custody.stamp",
        """
        select to_char(clock_timestamp() at time zone 'UTC', 'YYYYMMDD"T"HH24MISS"Z"') as stamp
        """
    )

    static let installation = Statement(
        "custody.installation",
        "select created_at as installation from bursar.installation"
    )

    static let manifest = Statement("custody.manifest", "select bursar.take_manifest()::text as manifest")

    static let record = Statement(
        "custody.record_backup",
        """
        insert into bursar.backup (name, run_id, host, directory, taken_at, as_of, seconds, files, plain_bytes, sealed_bytes,
            index_sha256, key_id, recovery_id, manifest)
        values ($1, $2, $3, $4, $5::timestamptz, $6::timestamptz, $7, $8, $9, $10, $11, $12, $13, $14::jsonb)
        on conflict (name) do nothing
        """
    )

    static let removed = Statement(
        "custody.backup_removed",
        "update bursar.backup set removed_at = clock_timestamp() where name = $1 and removed_at is null"
    )

    /// The newest first, with the last drill that has passed.
    static let list = Statement(
        "custody.backups",
        """
        select b.name, b.run_id, b.host, b.directory, b.taken_at, b.as_of, b.seconds, b.files, b.plain_bytes, b.sealed_bytes,
            b.index_sha256, b.key_id, b.recovery_id, b.removed_at, b.engine, b.stanza, b.label, b.kind, b.moment::text as moment,
            b.wal_first, b.wal_last, b.database, b.server_version, b.database_bytes,
            (
                -- One that failed since is verified no more.
                select max(d.recorded_at) filter (where d.verdict = 'pass') from bursar.drill d where d.backup = b.name
                having max(d.id) filter (where d.verdict = 'fail') is null
                    or max(d.id) filter (where d.verdict = 'pass') > max(d.id) filter (where d.verdict = 'fail')
            ) as verified_at
        from bursar.backup b
        where ($1::boolean or b.removed_at is null) and ($3::text is null or b.engine = $3)
        order by b.taken_at desc, b.id desc
        limit $2
        """
    )

    static let ownManifest = Statement(
        "custody.own_manifest",
        "select b.manifest::text as manifest from bursar.backup b where b.name = $1"
    )

    /// What the backup `$1` is compared with: the newest one before it whose drill has passed or whose losses somebody has
    /// accepted, its own acceptance included; where there is none, the oldest of all.
    ///
    /// Each drill so goes back to where the last proof ended: nothing that is lost falls between two of them.
    static let baseline = Statement(
        "custody.baseline",
        """
        with candidate as (
            select p.id, p.name, p.taken_at, p.manifest, a.actor, a.reason,
                a.backup_id is not null
                    or exists (select from bursar.drill d where d.backup = p.name and d.verdict = 'pass') as is_proven
            from bursar.backup b
            join bursar.backup p on p.taken_at < b.taken_at or p.id = b.id
            left join bursar.backup_acceptance a on a.backup_id = p.id
            where b.name = $1 and (p.id <> b.id or a.backup_id is not null)
        )
        select name, manifest::text as manifest, actor, reason
        from candidate
        order by is_proven desc, case when is_proven then taken_at end desc, taken_at, id
        limit 1
        """
    )

    package static let all = [snapshot, stamp, installation, manifest, record, removed, list, ownManifest, baseline]
}
