import ArgumentParser
import Billing
import Engine
import Glibc
import JobKit
import Logging
import Monetary
import Notices
import Postgres
import Schedules
import Telemetry

extension DevCommand {
    /// Everything at once: what `make run` starts.
    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "run",
            abstract: "Start the private server, load a demonstration, run the renewals, and keep serving.",
            discussion: "Prints what was issued and what `bursar verify` says of it. A second time nothing is due."
        )

        @OptionGroup var options: GlobalOptions
        @Flag(help: "Stop when the renewals have run.") var once = false
        @Option(help: "Customers of the demonstration, where none is loaded yet.") var tenants = 1000
        @Option(help: "The seed of the demonstration.") var seed: Int64 = 1

        func run() async throws {
            let settings = try options.settings()
            let cluster = try DevCommand.cluster(settings, "bursar dev run")
            say("private server: \(cluster.settings.directory)")
            try await DevCommand.start(cluster)
            _ = try await MigrateCommand.up(settings)
            let loaded = try await loadDemonstration(settings)
            say(loaded)
            let outcome = RunReport()
            let port = try DemoPayments.freePort()
            let callbacks = DemoPayments.callbacks(port: port)
            let mailServer = MailSimulator.Setup(place: .folder(try DemoNotices.spool(options)))
            try await BakongSimulator.with(DemoPayments.script, callbacks: callbacks) { simulator in
                try await MailSimulator.serve(mailServer) { mail in
                    let settings = try DemoPayments.settings(options, simulator, port: port, mailPort: mail.port)
                    let notices = DemoNotices(mail: mail, spool: try DemoNotices.spool(options))
                    try await serve(settings, simulator, notices, outcome)
                }
            }
            if once { try await cluster.stop() }
            guard await outcome.isGood else { throw ExitCode(ExitStatus.finding.rawValue) }
        }

        /// Serves with a simulated Bakong and mail server until interrupted, or until everything was shown once.
        private func serve(
            _ settings: Settings,
            _ simulator: BakongSimulator,
            _ notices: DemoNotices,
            _ outcome: RunReport
        ) async throws {
            let daemon = try Daemon(settings: settings, logger: Logger(label: "bursar"))
            try await daemon.run { daemon in
                let renewed = try await renew(daemon)
                for line in try await DemoPayments(simulator: simulator).play(daemon) { say(line) }
                for line in try await notices.play(daemon) { say(line) }
                let broken = try await verify(daemon.database)
                say("verify: \(broken.isEmpty ? "every invariant holds" : "broken: \(broken.joined(separator: ", "))")")
                await outcome.set(renewed && broken.isEmpty)
                if once {
                    kill(getpid(), SIGTERM)
                } else {
                    say(
                        "serving on \(settings.operatorSocket) until interrupted, beside a simulated Bakong at \(simulator.url); try: bursar status"
                    )
                }
            }
        }

        private func loadDemonstration(_ settings: Settings) async throws -> String {
            try await DatabaseSession.withLoop { loop in
                let pool = PostgresPool(settings.database.migrationConfiguration(), size: 1, loop: loop)
                let portfolio = DemoPortfolio(tenants: tenants, seed: seed)
                let outcome = try await pool.withTransaction(DemoPortfolio.transaction) {
                    let outcome = try await portfolio.load(in: $0)
                    _ = try await DemoContacts.load(in: $0)
                    return outcome
                }
                await pool.close()
                switch outcome {
                case .loaded:
                    return
                        "demonstration: \(portfolio.subscriptions) subscriptions of \(portfolio.tenants) tenants loaded, seed \(seed)"
                case .alreadyThere: return "demonstration: already loaded, seed \(seed)"
                }
            }
        }

        /// Runs the renewals once through the daemon, and checks the books.
        private func renew(_ daemon: Daemon) async throws -> Bool {
            let desk = RunDesk(database: daemon.database, record: RunNotes.record)
            let began = ContinuousClock.now
            var request = RunRequest(job: "renewals")
            request.reason = "bursar dev run"
            let run = try await desk.enqueue(request, by: "operator:\(OperatorName.current)").run
            daemon.node.wake()
            let facts = try await ended(run, desk)
            let took = ContinuousClock.now - began
            say("run \(run) \(facts.state): \(facts.outcome ?? "nothing to say")")
            say("invoices issued: \(facts.checkpoint.counters?["invoices"] ?? 0)")
            say("totals: \(totals(facts))")
            say("time taken: \(took.seconds) s")
            return facts.state == "succeeded"
        }

        private func totals(_ facts: RunFacts) -> String {
            let amounts = (facts.checkpoint.totals ?? [:]).compactMap { code, minor in
                Currency(code: code).map { Money(minorUnits: minor, currency: $0) }
            }
            return (try? MoneyTotals(amounts)).map(\.description) ?? "nothing"
        }

        private func ended(_ run: Int64, _ desk: RunDesk) async throws -> RunFacts {
            while true {
                let facts: RunFacts = try await desk.show(run).decoded()
                if facts.hasEnded || facts.state == "needs_approval" { return facts }
                // Waiting: the run is another task's, and its end is a row.
                try await Task.sleep(for: .milliseconds(50))
            }
        }

        private func verify(_ database: PostgresPool) async throws -> [String] {
            try await database.withTransaction(Invariant.transaction) { transaction in
                let now = try await Invariant.businessNow(in: transaction)
                var broken: [String] = []
                for invariant in Invariant.shipped {
                    let check = try await invariant.check(asOf: now, in: transaction)
                    if !check.held { broken.append("\(check.id) (\(check.violations))") }
                }
                return broken
            }
        }

        private func say(_ line: String) { Terminal.print(line) }
    }
}

/// Whether the run and the books were in order.
private actor RunReport {
    private(set) var isGood = false

    func set(_ good: Bool) { isGood = good }
}

extension Duration {
    /// Seconds with two digits, for people.
    fileprivate var seconds: String {
        let hundredths = Int64(self / .milliseconds(10))
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}
