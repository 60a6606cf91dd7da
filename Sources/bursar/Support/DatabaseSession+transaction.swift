import Postgres

extension DatabaseSession {
    /// One transaction for the length of a command, on a database whose schema is this program's.
    ///
    /// - Throws: `MigrationError` with the command that mends the schema, and what the body throws.
    static func transaction<Result>(
        _ configuration: PostgresConfiguration,
        _ database: DatabaseSettings,
        _ options: TransactionOptions,
        _ body: (Transaction) async throws -> Result
    ) async throws -> Result {
        try await withLoop { loop in
            try await SchemaGuard(settings: database, loop: loop).check()
            let pool = PostgresPool(configuration, size: 1, loop: loop)
            do {
                let result = try await pool.withTransaction(options, body)
                await pool.close()
                return result
            } catch {
                await pool.close()
                throw error
            }
        }
    }
}
