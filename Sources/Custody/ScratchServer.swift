internal import CivilTime
internal import Postgres
internal import Programs
internal import SocketLoop

/// A server for one drill: a socket in a private folder, no TCP, no archive, and under a keeper, so that it ends with this
/// process however that ends.
struct ScratchServer: Sendable {
    let tools: ServerTools
    let folder: ScratchFolder

    static let database = "restored"
    private static let user = "postgres"

    var environment: [String: String] { ["PGHOST": folder.sockets, "PGPORT": "5432", "PGUSER": Self.user] }

    func url(_ database: String = Self.database) -> String {
        "postgresql://\(Self.user)@/\(database)?host=\(folder.sockets)&port=5432"
    }

    /// Makes the cluster, runs its server, works with it, and ends it whatever happened.
    func withServer<Answer: Sendable>(_ body: @escaping @Sendable () async throws -> Answer) async throws -> Answer {
        try await tools.run(
            "initdb",
            [
                "-D", folder.data, "-U", Self.user, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
                "--no-instructions",
            ],
            account: folder.account,
            step: "cluster"
        )
        return try await withThrowingTaskGroup(of: Answer?.self) { group in
            group.addTask {
                try await serve()
                return nil
            }
            group.addTask {
                try await awaken()
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

    private func serve() async throws {
        let settings = [
            "listen_addresses=", "unix_socket_directories=\(folder.sockets)", "unix_socket_permissions=0700",
            "port=5432",
            "archive_mode=off", "fsync=off", "full_page_writes=off", "autovacuum=off", "jit=off", "max_wal_size=4GB",
            "wal_level=minimal", "max_wal_senders=0", "maintenance_work_mem=128MB", "dynamic_shared_memory_type=mmap",
        ]
        try await tools.run(
            "postgres",
            ["-D", folder.data] + settings.flatMap { ["-c", $0] },
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
}
