package import Postgres

/// The statements of backups by pgBackRest.
package enum PgBackRestStatements {
    /// Who asks, and of what cluster.
    static let source = Statement(
        "custody.physical_source",
        """
        select current_user::text as login, (r.rolbypassrls or r.rolsuper) as sees_all,
            current_setting('server_version_num')::integer / 10000 as version, current_database()::text as database,
            (select system_identifier from pg_control_system()) as system
        from pg_roles r
        where r.rolname = current_user
        """
    )

    /// Null where nobody writes any more; else the table that somebody keeps.
    static let holdWrites = Statement("custody.hold_writes", "select bursar.hold_writes($1, $2) as kept")

    static let clearWrites = Statement("custody.clear_writes", "select bursar.clear_writes($1)")

    /// Where the log stands while nobody writes, in the snapshot of the manifest.
    static let moment = Statement(
        "custody.moment",
        """
        select pg_current_wal_insert_lsn()::text as moment, pg_walfile_name(pg_current_wal_insert_lsn()) as log,
            clock_timestamp() as taken_at, bursar.business_now() as as_of
        """
    )

    static let record = Statement(
        "custody.record_physical",
        """
        insert into bursar.backup (name, engine, run_id, host, directory, taken_at, as_of, seconds, files, plain_bytes, sealed_bytes,
            index_sha256, manifest, stanza, label, kind, moment, wal_first, wal_last, database, server_version, database_bytes)
        values ($1, 'pgbackrest', $2, $3, $4, $5::timestamptz, $6::timestamptz, $7, $8, $9, $10, $11, $12::jsonb, $13, $14, $15,
            $16::text::pg_lsn, $17, $18, $19, $20, $9)
        on conflict (name) do nothing
        """
    )

    /// A place in the log, in business time: the copy of a moment between two backups knows it alone.
    static let copyClock = Statement(
        "custody.copy_clock",
        """
        select $1::timestamptz + i.business_offset as as_of, pg_last_xact_replay_timestamp() as newest
        from bursar.installation i
        """
    )

    package static let all = [source, holdWrites, clearWrites, moment, record, copyClock]
}
