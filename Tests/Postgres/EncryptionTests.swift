import Glibc
import Postgres
import Subprocess
import TestSupport
import Testing

@Suite("TLS and the URL's own settings")
struct EncryptionTests {
    private let session = Statement(
        "test.session",
        """
        select ssl, current_setting('application_name'), current_setting('work_mem'), current_setting('TimeZone')
        from pg_stat_ssl where pid = pg_backend_pid()
        """
    )

    @Test("What the URL says about TLS is obeyed: encrypted when required, refused when the certificate is nobody's")
    func encryption() async throws {
        let cluster = try await TestCluster.separate("tls")
        let port = 20_000 + Int(getpid()) % 20_000
        try await enable(cluster, port)
        let base = "postgresql://bursar@127.0.0.1:\(port)/postgres"
        let encrypted = try await row("\(base)?sslmode=require")
        #expect(try encrypted.get("ssl") == true)
        let plain = try await row("\(base)?sslmode=disable")
        #expect(try plain.get("ssl") == false)
        let root = "\(cluster.settings.socketDirectory)/server.crt"
        let verified = try await row("\(base)?sslmode=verify-ca&sslrootcert=\(root)")
        #expect(try verified.get("ssl") == true)
        let error = await #expect(throws: PostgresError.self) {
            try await row("\(base)?sslmode=verify-full&sslrootcert=\(root)")
        }
        #expect(error?.code == .connectionFailed)
        #expect(error?.message.contains("certificate") == true)
        try await cluster.destroy()
    }

    @Test("What the URL says wins over our defaults, and what it leaves open has them")
    func defaults() async throws {
        try await TestDatabase.with { database in
            let given = try await row(
                "\(database.url())&application_name=mine&options=-c%20work_mem%3D3MB%20-c%20TimeZone%3DAsia/Tokyo"
            )
            #expect(try (1...3).map { try given.get($0, as: String.self) } == ["mine", "3MB", "Asia/Tokyo"])
            let silent = try await row(database.url())
            #expect(try silent.get(1) == "bursar")
            #expect(try silent.get(3) == "UTC")
        }
    }

    private func row(_ url: String) async throws -> Row {
        let connection = try await PostgresConnection.connect(PostgresConfiguration(url: url), on: TestCluster.loop)
        let rows = try await connection.query(session)
        await connection.close()
        return try #require(rows.first)
    }

    /// Gives the server a certificate for a name that is not its own.
    private func enable(_ cluster: PrivateCluster, _ port: Int) async throws {
        let directory = cluster.settings.socketDirectory
        let script = """
            cd \(directory) && umask 022
            openssl req -new -x509 -days 2 -nodes -newkey rsa:2048 -subj /CN=somebody.example -out server.crt -keyout server.key
            chmod 600 server.key && chown --reference=. server.key server.crt
            """
        let made = try await Subprocess.run(.name("sh"), arguments: ["-c", script], output: .discarded)
        try #require(made.terminationStatus.isSuccess)
        let connection = try await PostgresConnection.connect(
            PostgresConfiguration(url: cluster.url()),
            on: TestCluster.loop
        )
        for (name, value) in [
            ("listen_addresses", "127.0.0.1"), ("ssl", "on"), ("ssl_cert_file", "\(directory)/server.crt"),
            ("ssl_key_file", "\(directory)/server.key"),
        ] {
            try await connection.executeScript("alter system set \(name) = '\(value)'")
        }
        await connection.close()
        var moved = cluster.settings
        moved.port = port
        try await cluster.stop()
        try await PrivateCluster(moved).start()
    }
}
