import Glibc
import Postgres
import TestSupport
import Testing

@Suite("A connection that breaks during renewals")
struct ConnectionFaultTests {
    /// Where it breaks, and whether the server got what was sent before.
    struct Break: Sendable, CustomTestStringConvertible {
        let statement: String
        let occurrence: Int
        let verdict: PostgresProxy.Verdict

        var testDescription: String { "\(verdict) at \(statement) #\(occurrence)" }
    }

    @Test(
        "The daemon tries again by itself, and whether the server got the last commit or not, the totals are right",
        arguments: [
            Break(statement: "postgres.commit", occurrence: 6, verdict: .drop),
            Break(statement: "postgres.commit", occurrence: 6, verdict: .dropAnswer),
            Break(statement: "billing.issue_invoices", occurrence: 3, verdict: .dropAnswer),
            Break(statement: "engine.finish", occurrence: 1, verdict: .drop),
        ]
    )
    func broken(_ fault: Break) async throws {
        try await House.with { house in
            let strike = Strike(statement: fault.statement, occurrence: fault.occurrence, moment: .before)
            let trap = Trap(strike, signal: 0, verdict: fault.verdict)
            let proxy = try PostgresProxy(house, trap)
            defer { proxy.stop() }
            let daemon = try house.daemon("a", url: proxy.url(house))
            trap.aim(at: daemon.process)
            let run = try await house.askForRenewals()
            _ = try await trap.sprung.told("the daemon said \(strike)")
            let row = try await house.ended(run)
            #expect(row.state == "succeeded", "\(row)")
            #expect(daemon.process.ended == nil)
            try await Ledger.expectSound(house, run: run, "\(fault.testDescription)")
        }
    }
}

@Suite("Behind pgbouncer", .enabled(if: access("/usr/sbin/pgbouncer", X_OK) == 0))
struct PooledDaemonTests {
    @Test("With pooled connections in transaction mode two daemons work as they do without")
    func renewals() async throws {
        try await House.with { house in
            let bouncer = try await house.bouncer()
            let settings = ["BURSAR_DATABASE_POOLED": "true", "BURSAR_DATABASE_URL": bouncer]
            let first = try house.daemon("a", settings: settings)
            let second = try house.daemon("b", settings: settings)
            try await first.ready()
            try await second.ready()
            let run = try await house.askForRenewals()
            let row = try await house.ended(run)
            #expect(
                row.state == "succeeded" && row.attempts == 1,
                "\(row)\n\(first.process.said)\(second.process.said)"
            )
            try await Ledger.expectSound(house, run: run)
            first.process.signal(SIGTERM)
            #expect(try await first.process.end(within: .seconds(10)) == .exited(0))
        }
    }
}

extension House {
    /// Starts pgbouncer in transaction mode before the server, and answers the URL of this database through it.
    func bouncer() async throws -> String {
        // The pooler refuses to run as root; the folder of the server's socket belongs to the server's user.
        let place = "\(database.cluster.settings.socketDirectory)/\(database.name)"
        let isRoot = geteuid() == 0
        write(
            """
            [databases]
            * = host=\(database.cluster.settings.socketDirectory) port=5432 user=bursar
            [pgbouncer]
            listen_addr =
            listen_port = 6432
            unix_socket_dir = \(place)
            auth_type = any
            pool_mode = transaction
            default_pool_size = 8
            """,
            to: "\(folder)/pgbouncer.ini"
        )
        let script = "mkdir -p \(place) && chmod 755 \(place)" + (isRoot ? " && chown postgres \(place)" : "")
        try await start("sh", ["-c", script], Program.environment, as: "folder").end()
        let command = ["/usr/sbin/pgbouncer", "-q", "\(folder)/pgbouncer.ini"]
        let asPostgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
        let words = isRoot ? asPostgres + command : command
        let pooler = try start(words[0], Array(words.dropFirst()), Program.environment, as: "pgbouncer")
        try await waitUntil("pgbouncer listens: \(pooler.said)") { access("\(place)/.s.PGSQL.6432", F_OK) == 0 }
        return "postgresql://bursar@/\(database.name)?host=\(place)&port=6432"
    }
}
