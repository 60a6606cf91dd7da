import Glibc
import Postgres
import TestSupport
import Testing

/// Three nodes, thousands of runs that each write one row of a ledger, and one fault after another until all is done.
struct Chaos: Sendable {
    enum Fault: String, CaseIterable, Sendable {
        /// `kill -9`, and another daemon in its place.
        case killed
        /// Stopped past its lease, until others have its runs, and continued.
        case stopped
        /// Sessions of nodes ended by the server.
        case sessionsEnded
        /// The server stopped with `-m immediate` and started again.
        case serverRestarted
    }

    let cluster: PrivateCluster
    let house: House
    let runs: Int
    /// How often every kind of fault comes.
    let rounds: Int
    let seed: UInt64

    /// Works everything under faults, and checks that every run has its one row.
    func run() async throws {
        print("seed \(seed); again with BURSAR_SEED=\(seed)")
        var chance = SplitMix(state: seed)
        try await ask(&chance)
        var daemons: [Daemon] = []
        for number in 0..<3 { daemons.append(try start(number)) }
        var struck = 0
        for _ in 0..<rounds {
            for fault in Fault.allCases.shuffled(using: &chance) {
                let isGoingOn = try await progress(by: Int.random(in: 30...120, using: &chance))
                if isGoingOn {
                    try await strike(fault, &daemons, &chance)
                    struck += 1
                }
            }
        }
        print("\(struck) faults")
        #expect(struck >= Fault.allCases.count * rounds / 2, "the runs were done before the faults")
        try await expectSound(daemons)
    }

    private func start(_ number: Int) throws -> Daemon {
        try house.daemon("chaos-\(number)-\(SerialNumber.next())", settings: ["BURSAR_NODE_SLOTS": "16"])
    }

    private func ask(_ chance: inout SplitMix) async throws {
        let waits = (0..<runs).map { _ in Int.random(in: 1...400, using: &chance) }
        try await house.query(
            """
            select count(*) from bursar.enqueue_many(
                'trial',
                array(select jsonb_build_object('entries', 1, 'milliseconds', w) from unnest('{\(waits.map(String.init).joined(separator: ","))}'::int[]) as w),
                tenants => array(select 1 + g % 7 from generate_series(1, \(runs)) as g),
                retry => '{"attempts": 1000, "initial": "100 milliseconds", "max": "1 second"}'
            )
            """
        )
    }

    /// Waits until more runs are done.
    /// - Returns: false where all are.
    private func progress(by more: Int) async throws -> Bool {
        let before = try await entries()
        guard before + more < runs else { return false }
        try await waitUntil("\(more) more runs are done", within: .seconds(60)) { try await entries() >= before + more }
        return true
    }

    private func entries() async throws -> Int { try await house.value("select count(*) from bursar.trial_entry") }

    // MARK: Faults

    private func strike(_ fault: Fault, _ daemons: inout [Daemon], _ chance: inout SplitMix) async throws {
        let number = Int.random(in: 0..<daemons.count, using: &chance)
        let victim = daemons[number]
        print("\(try await entries()) done: \(fault.rawValue) \(victim.name)")
        switch fault {
        case .killed:
            victim.process.signal(SIGKILL)
            try await victim.process.end()
            daemons[number] = try start(number)
        case .stopped:
            victim.process.signal(SIGSTOP)
            try await waitUntil("others have the runs of the node that stands still", within: .seconds(30)) {
                try await house.value(
                    """
                    select not exists (
                        select from bursar.node n join bursar.run r on r.node_id = n.id
                        where n.pid = \(victim.process.pid) and r.state = 'running'
                    ) and not exists (
                        select from bursar.node n where n.pid = \(victim.process.pid) and n.lease_until > clock_timestamp()
                    )
                    """
                )
            }
            victim.process.signal(SIGCONT)
        case .sessionsEnded:
            try await house.query(
                """
                select pg_terminate_backend(pid) from (
                    select pid from pg_stat_activity
                    where datname = current_database() and application_name like 'bursar %'
                    order by pid limit 3
                ) as few
                """
            )
        case .serverRestarted: try await restartServer()
        }
    }

    private func restartServer() async throws {
        try await cluster.stop(.immediate)
        try await cluster.start()
        let before: Int64 = try await house.value("select coalesce(max(fence), 0) from bursar.attempt")
        try await waitUntil("a node has claimed something after the server's restart", within: .seconds(10)) {
            try await house.value("select coalesce(max(fence), 0) from bursar.attempt", as: Int64.self) > before
        }
    }

    // MARK: What must be true in the end

    private func expectSound(_ daemons: [Daemon]) async throws {
        try await waitUntil("all runs have ended", within: .seconds(90)) {
            try await house.value("select not exists (select from bursar.run where job = 'trial')")
        }
        let ended = try await house.list("select distinct state from bursar.run_history where job = 'trial'")
        #expect(ended == ["succeeded"], "seed \(seed)")
        let ledger = try await house.list(
            "select count(*) || ' ' || count(distinct run_id) from bursar.trial_entry"
        )
        #expect(ledger == ["\(runs) \(runs)"], "a row for every run and no more: rows, runs; seed \(seed)")
        let history: Int = try await house.value("select count(*) from bursar.run_history where job = 'trial'")
        #expect(history == runs, "seed \(seed)")
        let open: Int = try await house.value("select count(*) from bursar.attempt where ended_at is null")
        #expect(open == 0, "attempts without an end; seed \(seed)")
        let successes: Int = try await house.value("select count(*) from bursar.attempt where outcome = 'succeeded'")
        #expect(successes == runs, "seed \(seed)")
        let lost = house.logs.filter { $0.contains("LeaseLost") }.count
        #expect(lost > 0, "nobody saw that it had lost its lease; seed \(seed)")
        for daemon in daemons {
            try await waitUntil("\(daemon.name) serves again") { await daemon.readiness() == 200 }
        }
    }
}

@Suite("Chaos")
struct ChaosTests {
    @Test("Three nodes under kills, stops, broken sessions and a restart of the server: every run has its effect once")
    func short() async throws {
        try await chaos(runs: 2500, rounds: 1)
    }
}

@Suite("Chaos for long", .enabled(if: getenv("BURSAR_SOAK") != nil))
struct ChaosSoakTests {
    @Test("The same with many faults of every kind")
    func long() async throws {
        try await chaos(runs: 20_000, rounds: 8)
    }
}

private func chaos(runs: Int, rounds: Int) async throws {
    let seed = getenv("BURSAR_SEED").flatMap { UInt64(String(cString: $0)) } ?? UInt64.random(in: 1...1_000_000)
    let cluster = try await TestCluster.separate("chaos")
    let database = try await TestDatabase.made(by: Portfolio.empty, in: cluster)
    try await House.with(database) { house in
        try await Chaos(cluster: cluster, house: house, runs: runs, rounds: rounds, seed: seed).run()
    }
    try await cluster.destroy()
}
