import Custody
import Glibc
import Postgres

/// How fast a whole backup is, beside pg_dump alone of the same database in the same run; and a drill of it, phase by phase.
struct BackupBench: Sendable {
    var subscriptions = 100_000
    var tenants = 1000
    var months = 3
    var runs = 5
    /// Whether pg_dump is measured at all, and whether a drill follows.
    var backs = true
    var drills = true

    /// What of the speed of pg_dump is wanted at least.
    static let demand = 0.8
    /// MiB: the process that is the node, and the largest program that it starts.
    static let memory = 150.0

    /// Takes turns, the one first and then the other, on the same database.
    func measure(
        _ cluster: BenchCluster,
        _ machine: inout Machine,
        _ say: (String) -> Void
    ) async throws -> [BenchFigure] {
        var portfolio = LivedPortfolio(cluster: cluster)
        (portfolio.subscriptions, portfolio.tenants, portfolio.months) = (subscriptions, tenants, months)
        try await portfolio.make(say)
        let own = try OwnCustody(cluster)
        // Drills leave nothing in it.
        defer { rmdir(own.house.scratch) }
        var figures: [BenchFigure] = []
        if backs { figures += try await backUp(own, &machine, say) } else { _ = try await own.backUp() }
        if drills { figures += try await drill(own, &machine, say) }
        return figures
    }

    private func backUp(
        _ own: OwnCustody,
        _ machine: inout Machine,
        _ say: (String) -> Void
    ) async throws -> [BenchFigure] {
        guard let url = own.house.url else { throw BenchFailure("the private server has no login for backups") }
        let plain = PlainDump(cluster: own.cluster, url: url, jobs: own.house.jobs)
        let size = try await own.cluster.asSuperuser { try await $0.query(BackupBenchStatements.size) }
        let mebibytes = try (size.first?.get("mebibytes", as: Double.self)) ?? 0
        var (ours, theirs) = ([Double](), [Double]())
        var peak = 0.0
        for number in 1...max(1, runs) {
            for isOurs in number.isMultiple(of: 2) ? [false, true] : [true, false] {
                try await machine.waitForQuiet()
                if isOurs {
                    Self.forgetPeak()
                    let took = try await own.backUp()
                    peak = max(peak, try Self.peak())
                    ours.append(mebibytes / (took / .seconds(1)))
                    say(
                        "run \(number) of \(runs): a whole backup of \(mebibytes.short) MiB in \((took / .seconds(1)).short) s"
                    )
                } else {
                    let (took, bytes) = try await plain.run()
                    theirs.append(mebibytes / (took / .seconds(1)))
                    say(
                        "run \(number) of \(runs): pg_dump in \((took / .seconds(1)).short) s, \((Double(bytes) / 1_048_576).short) MiB"
                    )
                }
            }
        }
        // Not timed: looking takes its part of the processors.
        let programs = try await ProgramMemory.largest(naming: own.house.directory) { _ = try await own.backUp() }
        return [
            BenchFigure("backup, \(mebibytes.short) MiB", ours, "MiB/s", limits: theirs, .atLeast(Self.demand)),
            BenchFigure("backup, memory", [peak], "MiB", limits: [Self.memory], .atMost(1)),
            BenchFigure(
                "backup, memory of its largest program",
                [programs],
                "MiB",
                limits: [Self.memory],
                .atMost(1)
            ),
        ]
    }

    private func drill(
        _ own: OwnCustody,
        _ machine: inout Machine,
        _ say: (String) -> Void
    ) async throws -> [BenchFigure] {
        say("a drill …")
        try await machine.waitForQuiet()
        Self.forgetPeak()
        let drill = try await own.drill()
        let peak = try Self.peak()
        say("drill \(drill.id): \(drill.receipt.told)")
        for phase in drill.receipt.phases {
            say("  \(phase.name): \(phase.outcome.rawValue), \(phase.seconds.short) s, \(phase.detail)")
        }
        return [
            BenchFigure("drill, RTO", [drill.receipt.rto_seconds ?? 0], "s"),
            BenchFigure("drill, RPO", [drill.receipt.rpo_seconds ?? 0], "s"),
        ] + drill.receipt.phases.map { BenchFigure("drill, \($0.name)", [$0.seconds], "s") } + [
            BenchFigure("drill, memory", [peak], "MiB", limits: [Self.memory], .atMost(1))
        ]
    }

    /// Lets the kernel count the largest resident size of this process anew (proc(5)).
    private static func forgetPeak() {
        guard let file = fopen("/proc/self/clear_refs", "w") else { return }
        fputs("5", file)
        fclose(file)
    }

    private static func peak() throws -> Double {
        guard
            let peak = Machine.field("VmHWM", of: "/proc/self/status")?.split(separator: " ").first.flatMap({
                Double($0)
            })
        else { throw BenchFailure("/proc/self/status cannot be read") }
        return peak / 1024
    }
}

enum BackupBenchStatements {
    static let size = Statement(
        "bench.database_size",
        "select pg_database_size(current_database()) / 1048576::float8 as mebibytes"
    )
    static let all = [size]
}
