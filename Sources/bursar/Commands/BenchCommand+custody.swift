import ArgumentParser

extension BenchCommand {
    /// How large a database backups and drills are measured on.
    struct CustodyOptions: ParsableArguments {
        @Option(help: "Subscriptions, each with an invoice a month.") var subscriptions = 100_000
        @Option(help: "Tenants that they belong to.") var tenants = 1000
        @Option(help: "Months of invoices; all but the last are paid.") var months = 3

        func validate() throws {
            guard subscriptions > 0, tenants > 0, (1...24).contains(months) else {
                throw ValidationError("the numbers must be positive, and --months 24 at most")
            }
        }

        var bench: BackupBench {
            BackupBench(subscriptions: subscriptions, tenants: tenants, months: months)
        }
    }

    /// Backups beside pg_dump.
    struct Backup: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "backup",
            abstract: "Take whole backups, counted, hashed and sealed for two keys, beside pg_dump -Fd -j2 alone."
        )

        @OptionGroup var size: CustodyOptions
        @Option(help: "How often each is measured.") var runs = 5
        @Flag(help: "A drill of the last backup too.") var drill = false
        @OptionGroup var options: BenchOptions

        func validate() throws {
            guard runs > 0 else { throw ValidationError("--runs must be positive") }
        }

        func run() async throws {
            var bench = size.bench
            (bench.runs, bench.drills) = (runs, drill)
            let custody = bench
            try await BenchCommand.run(options) { cluster, machine, say in
                try await custody.measure(cluster, &machine, say)
            }
        }
    }

    /// A drill, phase by phase.
    struct Drill: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "drill",
            abstract: "Restore and prove a backup of a whole portfolio, with the time of every phase."
        )

        @OptionGroup var size: CustodyOptions
        @OptionGroup var options: BenchOptions

        func run() async throws {
            var bench = size.bench
            bench.backs = false
            let custody = bench
            try await BenchCommand.run(options) { cluster, machine, say in
                try await custody.measure(cluster, &machine, say)
            }
        }
    }
}
