import Glibc
import Outbound
import Postgres
import TestSupport
import Testing

@Suite("Behind pgbouncer", .enabled(if: access("/usr/sbin/pgbouncer", X_OK) == 0))
struct PooledDaemonTests {
    @Test("With pooled connections in transaction mode two daemons work as they do without")
    func renewals() async throws {
        try await House.with { house in
            let settings = try await house.bouncer().settings
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

    @Test(
        "Two daemons fire each instant once, keep their leases and end a cancelled run, with a way round the pooler and without",
        arguments: [false, true]
    )
    func everything(hasDirectWay: Bool) async throws {
        try await House.with(Portfolio.small) { house in
            var settings = try await house.bouncer().settings
            if hasDirectWay { settings["BURSAR_DATABASE_DIRECT_URL"] = house.database.url() }
            house.schedules("\n  tick: { job: renewals, every: 1s, overlap: allow, misfire: { policy: each } }\n")
            let first = try await house.commandDaemon("a", settings: settings)
            let second = try await house.commandDaemon("b", settings: settings)
            let listeners = "select count(*) from pg_stat_activity where application_name = 'bursar watch'"
            try await waitUntil("it is listened where there is a way") {
                try await house.value("\(listeners) and datname = current_database()", as: Int.self)
                    == (hasDirectWay ? 2 : 0)
            }
            let run = try await house.askForScript("exec sleep 60")
            try await waitUntil("the program runs") { try await house.run(run).state == "running" }
            try await waitUntil("more than a lease has passed, and it runs on") {
                try await house.value(
                    "select clock_timestamp() - started_at > interval '3 s' from bursar.run where id = \(run) and attempts = 1"
                )
            }
            let cancelled = try await house.bursar("runs", "cancel", "\(run)", "--reason", "enough")
            #expect(cancelled.status == 0, "\(cancelled)")
            #expect(try await house.ended(run, within: .seconds(15)).state == "cancelled")
            try await waitUntil("fires were made") {
                try await house.value("select count(*) from bursar.fire", as: Int.self) >= 4
            }
            #expect(try await house.firesAstray() == [])
            let nodes = try await house.list("select host from bursar.node order by host")
            #expect(nodes == ["a", "b"], "a lease was lost: \(first.process.said)\(second.process.said)")
        }
    }

    @Test(
        "Stale leader behind a transaction pooler: a node that slept past its lease fires and applies nothing twice when it wakes"
    )
    func staleNode() async throws {
        try await House.with { house in
            let settings = try await house.bouncer().settings
            house.schedules("\n  tick: { job: trial, every: 1s, overlap: allow, misfire: { policy: each } }\n")
            let stale = try house.daemon("a", settings: settings)
            try await stale.ready()
            let run = try await house.askForRenewals(chunk: 2)
            try await house.issued(atLeast: 4, by: run)
            stale.process.signal(SIGSTOP)
            let fresh = try house.daemon("b", settings: settings)
            try await fresh.ready()
            let row = try await house.ended(run)
            #expect(row.state == "succeeded" && row.attempts >= 2, "\(row)")
            let fires: Int = try await house.value("select count(*) from bursar.fire")
            stale.process.signal(SIGCONT)
            try await waitUntil("the node that slept has another lease") {
                try await house.value("select count(*) from bursar.node where host = 'a'", as: Int.self) >= 2
            }
            try await waitUntil("both fire") {
                try await house.value("select count(*) from bursar.fire", as: Int.self) >= fires + 3
            }
            #expect(try await house.firesAstray() == [])
            try await Ledger.expectSound(house, run: run)
        }
    }

    @Test("A pooler that dies and comes back: /readyz tells within about ten seconds, and the run is completed")
    func poolerDies() async throws {
        try await House.with { house in
            let bouncer = try await house.bouncer()
            let daemon = try house.daemon("a", settings: bouncer.settings)
            try await daemon.ready()
            let run = try await house.askForRenewals(chunk: 2)
            try await house.issued(atLeast: 4, by: run)
            bouncer.process.signal(SIGKILL)
            try await bouncer.process.end()
            try await waitUntil("/readyz tells", within: .seconds(12)) { await daemon.readiness() == 503 }
            #expect(try await daemon.get("/livez").status == 200)
            _ = try await house.bouncer()
            try await daemon.ready()
            let row = try await house.ended(run)
            #expect(row.state == "succeeded", "\(row)")
            try await Ledger.expectSound(house, run: run)
        }
    }
}

/// A running pgbouncer in transaction mode.
struct Pooler: Sendable {
    let process: ChildProcess
    /// What a daemon needs to go through it.
    let settings: [String: String]
}

extension House {
    /// Starts pgbouncer in transaction mode before the server; again where it has ended.
    func bouncer() async throws -> Pooler {
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
        let script =
            "mkdir -p \(place) && rm -f \(place)/.s.* && chmod 755 \(place)"
            + (isRoot ? " && chown postgres \(place)" : "")
        try await start("sh", ["-c", script], Program.environment, as: "folder").end()
        let command = ["/usr/sbin/pgbouncer", "-q", "\(folder)/pgbouncer.ini"]
        let asPostgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
        let words = isRoot ? asPostgres + command : command
        let pooler = try start(words[0], Array(words.dropFirst()), Program.environment, as: "pgbouncer")
        try await waitUntil("pgbouncer listens: \(pooler.said)") { access("\(place)/.s.PGSQL.6432", F_OK) == 0 }
        return Pooler(
            process: pooler,
            settings: [
                "BURSAR_DATABASE_POOLED": "true",
                "BURSAR_DATABASE_URL": "postgresql://bursar@/\(database.name)?host=\(place)&port=6432",
            ]
        )
    }

    /// Instants between the first and the last fire of a schedule of every second that have no fire, and fires that have not
    /// exactly one run.
    func firesAstray() async throws -> [String] {
        try await list(
            """
            select 'missing before ' || fire_at from (
                select fire_at, fire_at - lag(fire_at) over (order by fire_at) as since from bursar.fire
            ) as fires where since <> interval '1 second'
            union all
            select f.fire_at || ' has ' || count(r.id) || ' runs' from bursar.fire f
            left join (select id, fire_at from bursar.run union all select id, fire_at from bursar.run_history) r
                on r.fire_at = f.fire_at
            group by f.fire_at, f.run_id, f.state having count(r.id) <> 1 or min(r.id) <> f.run_id or f.state <> 'ran'
            """
        )
    }
}
