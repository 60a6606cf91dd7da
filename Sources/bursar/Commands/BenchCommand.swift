import ArgumentParser
import Schedules

/// How fast and how large this program is on this machine.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure this program on this machine, beside bare SQL doing the same.",
        discussion: """
            Measures a private PostgreSQL server of its own, which is removed afterwards. Without a subject it measures \
            everything. Exit code 1 when a figure misses what is demanded of it.
            """,
        subcommands: [
            All.self, Queue.self, Renewals.self, Webhooks.self, Reconciliation.self, Notices.self, Retention.self,
            Backup.self, Drill.self, Mail.self, Memory.self, Cron.self, Templates.self,
        ],
        defaultSubcommand: All.self
    )

    /// Everything.
    struct All: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "all",
            abstract: "Measure everything, one after another."
        )

        @OptionGroup var options: BenchOptions

        func run() async throws {
            try await BenchCommand.run(options) { cluster, machine, say in
                let cron = try CronSpeed().measure()
                let templates = try TemplateSpeed().measure()
                let queue = try await QueueBench().measure(cluster, &machine, say)
                let renewals = try await RenewalsBench().measure(cluster, &machine, say)
                let webhooks = try await WebhookBench().measure(cluster, &machine, say)
                let reconciliation = try await ReconciliationBench(rows: 200_000).measure(cluster, &machine, say)
                let mail = try await MailBench().measure()
                let notices = try await NoticesBench().measure(cluster, &machine, say)
                let retention = try await RetentionBench(rows: 1_000_000, due: 200_000).measure(cluster, &machine, say)
                let backup = try await BackupBench().measure(cluster, &machine, say)
                return [cron, templates, mail] + queue + renewals + webhooks + reconciliation + notices + retention
                    + backup
                    + (try await MemoryBench().measure(cluster, &machine, say))
            }
        }
    }

    /// The queue beside bare SQL.
    struct Queue: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "queue",
            abstract: "Ask for runs, claim and end them, beside the bare statements of a queue."
        )

        @Option(help: "Runs to drain.") var count = 100_000
        @Option(help: "Slots of each node.") var slots = 2000
        @Option(help: "Nodes.") var nodes = 2
        @Option(help: "How often the drain is measured.") var runs = 3
        @Option(help: "Runs to drain while one transaction stays open.") var heldBack = 300_000
        @Option(help: "Deferred runs that lie in the way of a drain.") var deferred = 500_000
        @Option(help: "Finished runs that lie in the way of a drain.") var finished = 1_000_000
        @OptionGroup var options: BenchOptions

        func validate() throws {
            guard count > 0, nodes > 0, runs > 0, heldBack > 9, deferred > 0, finished > 0 else {
                throw ValidationError("the numbers must be positive")
            }
            guard (1...2000).contains(slots) else { throw ValidationError("--slots must be from 1 to 2000") }
        }

        func run() async throws {
            var bench = QueueBench(count: count, slots: slots, nodes: nodes, runs: runs)
            bench.heldBack = heldBack
            bench.deferred = deferred
            bench.finished = finished
            let queue = bench
            try await BenchCommand.run(options) { cluster, machine, say in
                try await queue.measure(cluster, &machine, say)
            }
        }
    }

    /// Renewals beside bare SQL.
    struct Renewals: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "renewals",
            abstract: "Issue the invoices of a portfolio, beside bare SQL that writes the same rows."
        )

        @Option(help: "Subscriptions with a period due.") var subscriptions = 100_000
        @Option(help: "Tenants that they belong to.") var tenants = 1000
        @Option(help: "Subscriptions that one transaction works on.") var chunk = 500
        @Option(help: "How often each is measured.") var runs = 3
        @OptionGroup var options: BenchOptions

        func validate() throws {
            guard subscriptions > 0, tenants > 0, runs > 0 else {
                throw ValidationError("the numbers must be positive")
            }
            guard (1...5000).contains(chunk) else { throw ValidationError("--chunk must be from 1 to 5000") }
        }

        func run() async throws {
            let bench = RenewalsBench(subscriptions: subscriptions, tenants: tenants, chunk: chunk, runs: runs)
            try await BenchCommand.run(options) { cluster, machine, say in
                try await bench.measure(cluster, &machine, say)
            }
        }
    }

    /// The inbox beside bare inserts.
    struct Webhooks: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "webhooks",
            abstract: "Post signed webhooks over 32 connections, beside bare inserts of the same rows over as many."
        )

        @Option(help: "Posts of each run.") var count = 20_000
        @Option(help: "How often it is measured.") var runs = 3
        @Option(help: "Posts over which the daemon's memory must not grow.") var memoryCount = 100_000
        @Option(help: "Bytes of a body.") var bytes = 600
        @OptionGroup var options: BenchOptions

        func validate() throws {
            guard count > 99, runs > 0, memoryCount >= 0 else {
                throw ValidationError("the numbers must be positive, and --count 100 at least")
            }
            guard (64...200_000).contains(bytes) else { throw ValidationError("--bytes must be from 64 to 200000") }
        }

        func run() async throws {
            let bench = WebhookBench(count: count, runs: runs, memoryCount: memoryCount, bytes: bytes)
            try await BenchCommand.run(options) { cluster, machine, say in
                try await bench.measure(cluster, &machine, say)
            }
        }
    }

    /// Reconciliation beside bare SQL.
    struct Reconciliation: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "reconciliation",
            abstract: "Place statement rows against open attempts, beside one bare statement that writes the same rows."
        )

        @Option(help: "Statement rows, and open attempts.") var rows = 1_000_000
        @Option(help: "Tenants that the attempts belong to.") var tenants = 1000
        @Option(help: "Rows that one transaction works on.") var chunk = 2000
        @Option(help: "How often each is measured.") var runs = 3
        @OptionGroup var options: BenchOptions

        func validate() throws {
            guard rows > 0, tenants > 0, runs > 0 else { throw ValidationError("the numbers must be positive") }
            guard (1...20_000).contains(chunk) else { throw ValidationError("--chunk must be from 1 to 20000") }
        }

        func run() async throws {
            let bench = ReconciliationBench(rows: rows, tenants: tenants, chunk: chunk, runs: runs)
            try await BenchCommand.run(options) { cluster, machine, say in
                try await bench.measure(cluster, &machine, say)
            }
        }
    }

    /// Notices beside bare SQL.
    struct Notices: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "notices",
            abstract:
                "Plan notices beside bare SQL that inserts the same rows, and send them to a simulated mail server."
        )

        @Option(help: "Unpaid invoices, of as many payers.") var count = 100_000
        @Option(help: "Invoices that one transaction works on.") var chunk = 5000
        @Option(help: "How often planning is measured.") var runs = 3
        @OptionGroup var options: BenchOptions

        func validate() throws {
            guard count > 0, runs > 0 else { throw ValidationError("the numbers must be positive") }
            guard (1...20_000).contains(chunk) else { throw ValidationError("--chunk must be from 1 to 20000") }
        }

        func run() async throws {
            let bench = NoticesBench(count: count, chunk: chunk, runs: runs)
            try await BenchCommand.run(options) { cluster, machine, say in
                try await bench.measure(cluster, &machine, say)
            }
        }
    }

    /// Purges beside bare SQL, and beside a queue.
    struct Retention: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "retention",
            abstract: "Purge rows beside bare SQL that deletes the same ones, and beside a queue that works."
        )

        @Option(help: "Rows of the table.") var rows = 5_000_000
        @Option(help: "Rows of it that are past their cutoff.") var due = 1_000_000
        @Option(help: "How often each is measured.") var runs = 3
        @OptionGroup var options: BenchOptions

        func validate() throws {
            guard due > 0, runs > 0, rows >= 2 * due else {
                throw ValidationError("the numbers must be positive, and --rows twice --due at least")
            }
        }

        func run() async throws {
            let bench = RetentionBench(rows: rows, due: due, runs: runs)
            try await BenchCommand.run(options) { cluster, machine, say in
                try await bench.measure(cluster, &machine, say)
            }
        }
    }

    /// The daemon's memory.
    struct Memory: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "memory",
            abstract: "Measure the memory of the daemon, idle and while it issues the invoices of a portfolio."
        )

        @Option(help: "Subscriptions with a period due; a tenth of them comes first.") var subscriptions = 100_000
        @Option(help: "Tenants that they belong to.") var tenants = 1000
        @OptionGroup var options: BenchOptions

        func validate() throws {
            guard subscriptions > 0, tenants > 0 else { throw ValidationError("the numbers must be positive") }
        }

        func run() async throws {
            let bench = MemoryBench(subscriptions: subscriptions, tenants: tenants)
            try await BenchCommand.run(options) { cluster, machine, say in
                try await bench.measure(cluster, &machine, say)
            }
        }
    }

    /// Mail to a relay.
    struct Mail: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "mail",
            abstract: "Send messages to a simulated relay over eight connections."
        )

        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let machine = Machine()
            try BenchCommand.show(BenchReport(machine: machine, figures: [try await MailBench().measure()]), options)
        }
    }

    /// Cron arithmetic.
    struct Cron: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "cron",
            abstract: "Find next fires of expressions of every kind, in zones of every kind."
        )

        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let machine = Machine()
            try BenchCommand.show(BenchReport(machine: machine, figures: [try CronSpeed().measure()]), options)
        }
    }

    /// Mails from templates.
    struct Templates: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "templates",
            abstract: "Write mails from the shipped templates, text and HTML without a picture."
        )

        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let machine = Machine()
            try BenchCommand.show(BenchReport(machine: machine, figures: [try TemplateSpeed().measure()]), options)
        }
    }
}

/// What all benches on a private server take.
struct BenchOptions: ParsableArguments {
    @Flag(help: "Measure at once, also beside other work; else it waits for the machine to be quiet, 45 s at most.")
    var now = false
    @OptionGroup var global: GlobalOptions
}

extension BenchCommand {
    /// Measures on a private server, and shows what came of it.
    static func run(
        _ options: BenchOptions,
        _ measure: @Sendable (BenchCluster, inout Machine, (String) -> Void) async throws -> [BenchFigure]
    ) async throws {
        let cluster = try BenchCluster("bursar bench", like: try options.global.settings(needsDatabase: false))
        let isQuiet = options.global.json
        let report = try await cluster.whileUp { cluster in
            var machine = Machine(patience: options.now ? .zero : .seconds(45))
            machine.postgresql = try await cluster.version
            let figures = try await measure(cluster, &machine) { if !isQuiet { Terminal.complain($0) } }
            return BenchReport(machine: machine, figures: figures)
        }
        try show(report, options.global)
    }

    fileprivate static func show(_ report: BenchReport, _ options: GlobalOptions) throws {
        options.show(report) { $0.text }
        guard report.figures.allSatisfy(\.isGood) else { throw ExitCode(ExitStatus.finding.rawValue) }
    }
}
