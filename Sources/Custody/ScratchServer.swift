internal import CivilTime
internal import Postgres
internal import Programs
internal import SocketLoop

/// A server for one drill: a socket in a private folder, no TCP, no archive, and under a keeper, so that it ends with this
/// process however that ends.
struct ScratchServer: Sendable {
    /// For a cluster that was restored with all its files: what it recovers with.
    struct Recovery: Sendable {
        let settings: [String]
        let environment: [String: String]
    }

    let tools: ServerTools
    let folder: ScratchFolder
    /// The database of the copy.
    var database = "restored"
    /// Nil: a fresh cluster is made, with that database.
    var recovery: Recovery?

    private static let user = "postgres"

    var environment: [String: String] { ["PGHOST": folder.sockets, "PGPORT": "5432", "PGUSER": Self.user] }

    func url(_ other: String? = nil) -> String {
        "postgresql://\(Self.user)@/\(other ?? database)?host=\(folder.sockets)&port=5432"
    }

    /// Makes the cluster where none was restored, runs its server, works with it, and ends it whatever happened.
    func withServer<Answer: Sendable>(_ body: @escaping @Sendable () async throws -> Answer) async throws -> Answer {
        if recovery == nil { try await initialise() }
        return try await withThrowingTaskGroup(of: Answer?.self) { group in
            group.addTask {
                try await serve()
                return nil
            }
            group.addTask {
                if recovery == nil { try await awaken() } else { try await awaitRecovery() }
                return try await body()
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let answer = first else {
                throw CustodyFailure("cluster", "the scratch server ended before the drill")
            }
            group.cancelAll()
            while await group.nextResult() != nil {}
            return answer
        }
    }

    private func initialise() async throws {
        try await tools.run(
            "initdb",
            [
                "-D", folder.data, "-U", Self.user, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
                "--no-instructions",
            ],
            account: folder.account,
            step: "cluster"
        )
    }

    private func serve() async throws {
        let settings =
            [
                "listen_addresses=", "unix_socket_directories=\(folder.sockets)", "unix_socket_permissions=0700",
                "port=5432",
                "archive_mode=off", "fsync=off", "full_page_writes=off", "autovacuum=off", "jit=off",
                "max_wal_size=4GB",
                "wal_level=minimal", "max_wal_senders=0", "maintenance_work_mem=128MB",
                "dynamic_shared_memory_type=mmap",
            ] + (recovery?.settings ?? [])
        try await tools.run(
            "postgres",
            ["-D", folder.data] + settings.flatMap { ["-c", $0] },
            environment: recovery?.environment ?? [:],
            account: folder.account,
            grace: .seconds(3),
            step: "cluster"
        )
    }

    /// Returns once the server takes connections, and has the empty database.
    private func awaken() async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do {
                return try await BackupHouse.withPool(url("postgres"), "drill") { pool in
                    try await pool.withConnection { _ = try await $0.query(DrillStatements.createDatabase) }
                }
            } catch let error as PostgresError where error.code != .server || error.isTransient {
                guard ContinuousClock.now < deadline else {
                    throw CustodyFailure("cluster", "the scratch server did not start: \(error)")
                }
                // Waiting: a server that is starting tells nobody when it is ready.
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    /// Returns once the log is played back and the server takes writes; the run's own deadline is what ends it else.
    private func awaitRecovery() async throws {
        let folder = folder
        while !(await onOwnThread { folder.isServerReady }) {
            // Waiting: a server that recovers writes into its file when it is ready, and tells nobody.
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// A moment in the copy's business time, and the copy's newest change.
    ///
    /// - Throws: at the step `cluster`, where the copy cannot say.
    func clock(at moment: Instant) async throws -> (asOf: Instant, newest: Instant?) {
        do {
            return try await BackupHouse.withPool(url(), "drill") { pool in
                let row = try await pool.withConnection {
                    try await $0.query(PgBackRestStatements.copyClock, moment).first
                }
                guard let row else { throw CustodyFailure("cluster", "the copy does not say what it is") }
                return (try row.get("as_of"), try row.get("newest"))
            }
        } catch let error as PostgresError {
            throw CustodyFailure("cluster", "the copy has no database \(database) of Bursar's: \(error)")
        }
    }
}
