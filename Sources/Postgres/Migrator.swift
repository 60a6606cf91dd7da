package import SocketLoop

/// Brings the schema up and down, one migration a transaction, under a lock that lets one migrator work at a time.
///
/// It needs a direct connection as a role that owns the schema. What was applied stands in `bursar.schema_migration`,
/// which everybody may read.
package struct Migrator: Sendable {
    package let migrations: [Migration]
    private let configuration: PostgresConfiguration
    private let loop: SocketLoop
    private let lockWait: Duration

    /// - Parameters:
    ///   - configuration: a direct connection; its statement timeout does not apply.
    ///   - migrations: all of them, in any order.
    ///   - loop: where the connections run.
    ///   - lockWait: how long to wait for another migrator, and for each lock on a table.
    /// - Throws: `MigrationError.badSequence`.
    package init(
        _ configuration: PostgresConfiguration,
        migrations: [Migration],
        loop: SocketLoop,
        lockWait: Duration = .seconds(10)
    ) throws(MigrationError) {
        let sorted = migrations.sorted { $0.number < $1.number }
        var previous = 0
        for migration in sorted {
            if migration.number <= previous { throw .badSequence(migration.number) }
            previous = migration.number
        }
        self.migrations = sorted
        self.configuration = configuration
        self.loop = loop
        self.lockWait = lockWait
    }

    /// Applies what is missing, up to and including a number; all where none is given.
    ///
    /// - Returns: the numbers applied.
    @discardableResult
    package func up(to target: Int? = nil) async throws -> [Int] {
        try check(target)
        return try await locked { connection in
            let applied = try await self.applied(connection)
            try refuse(applied)
            let done = Set(applied.map(\.number))
            var numbers: [Int] = []
            for migration in migrations where !done.contains(migration.number) {
                if let target, migration.number > target { break }
                try await apply(migration, connection)
                numbers.append(migration.number)
            }
            return numbers
        }
    }

    /// Goes back until the given migration is the last one; 0 takes back all.
    ///
    /// - Returns: the numbers taken back, last applied first.
    @discardableResult
    package func down(to target: Int) async throws -> [Int] {
        if target != 0 { try check(target) }
        return try await locked { connection in
            let applied = try await self.applied(connection)
            try refuse(applied)
            let done = Set(applied.map(\.number))
            var numbers: [Int] = []
            for migration in migrations.reversed() where migration.number > target && done.contains(migration.number) {
                try await takeBack(migration, connection)
                numbers.append(migration.number)
            }
            return numbers
        }
    }

    /// What the database has.
    ///
    /// Needs no lock, and works through a pooler and as any role that may use the schema.
    package func status() async throws -> [AppliedMigration] {
        let connection = try await PostgresConnection.connect(configuration, on: loop)
        do {
            let applied = try await self.applied(connection)
            await connection.close()
            return applied
        } catch {
            await connection.close()
            throw error
        }
    }

    /// How the database's schema and this program fit together.
    package func compatibility() async throws -> SchemaCompatibility {
        SchemaCompatibility(applied: try await status(), known: migrations)
    }

    /// Refuses a schema that this program was not made for.
    ///
    /// - Throws: `MigrationError`, whose description names the command that mends it.
    package func requireCurrent() async throws {
        switch try await compatibility() {
        case .current: return
        case .older(let missing): throw MigrationError.older(missing: missing)
        case .newer(let unknown): throw MigrationError.newer(unknown: unknown)
        case .altered(let numbers): throw MigrationError.altered(numbers)
        }
    }

    private func check(_ target: Int?) throws(MigrationError) {
        guard let target, !migrations.contains(where: { $0.number == target }) else { return }
        throw .noSuchMigration(target)
    }

    private func refuse(_ applied: [AppliedMigration]) throws(MigrationError) {
        switch SchemaCompatibility(applied: applied, known: migrations) {
        case .current, .older: return
        case .newer(let unknown): throw .newer(unknown: unknown)
        case .altered(let numbers): throw .altered(numbers)
        }
    }
}

// MARK: - The steps

extension Migrator {
    /// Runs the body on a connection that holds the migrators' lock; the lock ends with the connection.
    private func locked<Result>(_ body: (PostgresConnection) async throws -> Result) async throws -> Result {
        guard !configuration.pooled else {
            throw PostgresError(.misuse, "migrations hold a session lock: give them a direct connection string")
        }
        var direct = configuration
        direct.statementTimeout = nil
        direct.lockTimeout = lockWait
        let connection = try await PostgresConnection.connect(direct, on: loop)
        do {
            try await takeLock(connection)
            try await connection.executeScript(MigrationStatements.foundation, name: "postgres.migration_foundation")
            let result = try await body(connection)
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }

    private func takeLock(_ connection: PostgresConnection) async throws {
        do {
            try await connection.query(MigrationStatements.lock)
        } catch SQLState.lockNotAvailable {
            let holder = try await connection.query(MigrationStatements.lockHolder).first
            throw MigrationError.locked(by: try holder?.get(0) ?? "it has just ended")
        }
    }

    private func applied(_ connection: PostgresConnection) async throws -> [AppliedMigration] {
        guard try await connection.query(MigrationStatements.exists).first?.get(0, as: Bool.self) == true else {
            return []
        }
        return try await connection.query(MigrationStatements.applied).map { row in
            AppliedMigration(
                number: try row.get("number"),
                name: try row.get("name"),
                checksum: try row.get("checksum"),
                appliedAt: try row.get("applied_at")
            )
        }
    }

    private func apply(_ migration: Migration, _ connection: PostgresConnection) async throws {
        try await step(migration, connection, migration.up) {
            let record = MigrationStatements.record.bind(migration.number, migration.name, migration.checksum)
            try await connection.query(record)
        }
    }

    private func takeBack(_ migration: Migration, _ connection: PostgresConnection) async throws {
        try await step(migration, connection, migration.down) {
            // The first migration's way back may take the whole schema with it.
            guard try await connection.query(MigrationStatements.exists).first?.get(0, as: Bool.self) == true else {
                return
            }
            try await connection.query(MigrationStatements.forget, migration.number)
        }
    }

    /// One transaction: the text, and the record of it.
    private func step(
        _ migration: Migration,
        _ connection: PostgresConnection,
        _ sql: String,
        _ record: () async throws -> Void
    ) async throws {
        do {
            try await connection.query(TransactionStatements.begin(.readCommitted, readOnly: false))
            try await connection.executeScript(sql, name: "migration \(migration.number) \(migration.name)")
            guard await connection.isInTransaction else {
                throw PostgresError(
                    .misuse,
                    "the migration's text ends the transaction it runs in; take its commit out"
                )
            }
            try await connection.executeScript("reset role")
            try await record()
            try await connection.query(TransactionStatements.commit)
        } catch let error as PostgresError {
            _ = try? await connection.query(TransactionStatements.rollback)
            throw MigrationError.failed(number: migration.number, name: migration.name, error: error)
        }
    }
}

/// The migrator's own statements.
package enum MigrationStatements {
    /// All of them but the script that makes the table, for the test that prepares every statement.
    package static let all = [lock, lockHolder, exists, applied, record, forget]

    static let foundation = """
        create schema if not exists bursar;
        create table if not exists bursar.schema_migration (
            number integer primary key check (number > 0),
            name text not null,
            checksum text not null,
            applied_at timestamptz not null default clock_timestamp()
        );
        grant select on bursar.schema_migration to public;
        """
    // 'bursar' and 'migr' in ASCII: a number of our own among the database's advisory locks.
    static let lock = Statement(
        "postgres.migration_lock",
        "select pg_advisory_lock(x'62757273'::int, x'6d696772'::int)"
    )
    static let lockHolder = Statement(
        "postgres.migration_lock_holder",
        """
        select format('session %s, %s, since %s', a.pid, coalesce(nullif(a.application_name, ''), 'unnamed'),
            to_char(a.backend_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
        from pg_locks as l
        join pg_stat_activity as a using (pid)
        where l.locktype = 'advisory' and l.granted
            and l.database = (select oid from pg_database where datname = current_database())
            and l.classid = x'62757273'::int::oid and l.objid = x'6d696772'::int::oid
        """
    )
    static let exists = Statement(
        "postgres.migration_exists",
        "select to_regclass('bursar.schema_migration') is not null"
    )
    static let applied = Statement(
        "postgres.migration_applied",
        """
        select number, name, checksum, to_char(applied_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as applied_at
        from bursar.schema_migration
        order by number
        """
    )
    static let record = Statement(
        "postgres.migration_record",
        "insert into bursar.schema_migration (number, name, checksum) values ($1, $2, $3)"
    )
    static let forget = Statement("postgres.migration_forget", "delete from bursar.schema_migration where number = $1")
}
