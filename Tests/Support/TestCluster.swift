internal import Glibc
package import Postgres
package import SocketLoop
internal import Subprocess
internal import Synchronization

/// One private PostgreSQL for the whole test process: started on first use, and stopped and removed by a watcher when the
/// process ends, however it ends.
package enum TestCluster {
    private static let started = Task { try await start() }
    private static let lastSeparate = Atomic<Int>(0)
    private static let startedLoop = Result { try SocketLoop(name: "tests") }

    package static var shared: PrivateCluster {
        get async throws { try await started.value }
    }

    /// The loop of everything in the test process that has no reason for one of its own.
    package static var loop: SocketLoop {
        get throws { try startedLoop.get() }
    }

    /// A cluster apart, for tests that stop or break it; they destroy it themselves, and the watcher does where they
    /// die.
    ///
    /// All tests share one process, and so one set of folders: a number keeps two clusters of one name apart.
    package static func separate(_ name: String) async throws -> PrivateCluster {
        try await start("\(name)\(lastSeparate.add(1, ordering: .relaxed).newValue)")
    }

    /// A streaming standby of such a cluster, destroyed like it.
    package static func standby(of primary: PrivateCluster) async throws -> PrivateCluster {
        let number = lastSeparate.add(1, ordering: .relaxed).newValue
        let cluster = try PrivateCluster(settings("standby\(number)"))
        try await watch(cluster)
        try await cluster.start(following: primary)
        return cluster
    }

    private static func settings(_ name: String) -> PrivateCluster.Settings {
        var settings = PrivateCluster.Settings(
            directory: "/var/tmp/bursar-test-\(getpid())-\(name)",
            socketDirectory: "/tmp/bt-\(getpid())-\(name)"
        )
        settings.fsync = false
        settings.parameters = ["shared_buffers": "64MB", "max_connections": "200", "max_prepared_transactions": "0"]
        return settings
    }

    private static func start(_ name: String = "shared") async throws -> PrivateCluster {
        let cluster = try PrivateCluster(settings(name))
        try await watch(cluster)
        try await cluster.start()
        try await createLogin(cluster)
        return cluster
    }

    /// The production login; the first migration gives it its roles.
    private static func createLogin(_ cluster: PrivateCluster) async throws {
        let connection = try await PostgresConnection.connect(PostgresConfiguration(url: cluster.url()), on: loop)
        try await connection.executeScript("create role bursar login noinherit")
        await connection.close()
    }

    /// Leaves a process behind that outlives this one, waits for its end, and then stops the server and removes its files.
    private static func watch(_ cluster: PrivateCluster) async throws {
        let script = """
            cd /
            setsid sh -c '
                while kill -0 \(getpid()); do sleep 0.5; done
                for turn in 1 2 3 4 5 6 7 8 9 10; do
                    kill -QUIT $(head -n 1 \(cluster.dataDirectory)/postmaster.pid)
                    sleep 1
                    rm -rf \(cluster.settings.directory) \(cluster.settings.socketDirectory)
                    test -e \(cluster.settings.directory) || break
                done
            ' </dev/null >/dev/null 2>&1 &
            """
        _ = try await Subprocess.run(
            .name("sh"),
            arguments: ["-c", script],
            output: .discarded
        )
    }
}
