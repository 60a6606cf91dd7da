import ArgumentParser
import Billing
import Notices
import Postgres
import Schedules

/// Data to try Bursar with.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Data to try Bursar with; refused in production and where real data is.",
        subcommands: [Load.self]
    )

    /// Loads a portfolio.
    struct Load: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "load",
            abstract: "Load a believable portfolio: an issuer, its plans, its customers and their subscriptions.",
            discussion: """
                The same seed on the same day makes the same data in a new database, and loading it again changes nothing. \
                About two in five subscriptions are due today: `bursar run renewals --here` issues their invoices. \
                Uses database.migration_url, since it writes behind the contract functions.
                """
        )

        @Option(name: .long, help: "How many customers.")
        var tenants = 1000

        @Option(name: .long, help: "How many subscriptions; five for two customers by default.")
        var subscriptions: Int?

        @Option(name: .long, help: "What chance begins with; another seed adds another issuer.")
        var seed: Int64 = 1

        @OptionGroup var options: GlobalOptions

        private struct Answer: Encodable {
            let loaded: Bool
            let tenants: Int
            let subscriptions: Int
            let seed: Int64
            let milliseconds: Int64
        }

        func validate() throws {
            guard (1...1_000_000).contains(tenants) else { throw ValidationError("--tenants takes 1 to 1000000") }
            guard subscriptions.map({ (0...10_000_000).contains($0) }) ?? true else {
                throw ValidationError("--subscriptions takes 0 to 10000000")
            }
            guard DemoPortfolio.seeds.contains(seed) else {
                throw ValidationError(
                    "--seed takes \(DemoPortfolio.seeds.lowerBound) to \(DemoPortfolio.seeds.upperBound)"
                )
            }
        }

        func run() async throws {
            let settings = try options.settings()
            guard settings.environment != .production else {
                throw CommandFailure.refusedInProduction("bursar demo load")
            }
            let portfolio = DemoPortfolio(tenants: tenants, subscriptions: subscriptions, seed: seed)
            let began = ContinuousClock.now
            let outcome = try await load(portfolio, settings.database)
            let answer = Answer(
                loaded: outcome == .loaded,
                tenants: portfolio.tenants,
                subscriptions: portfolio.subscriptions,
                seed: seed,
                milliseconds: Int64((ContinuousClock.now - began) / .milliseconds(1))
            )
            options.show(answer) { answer in
                guard answer.loaded else {
                    return "the portfolio of seed \(answer.seed) is there already; nothing was changed"
                }
                return "loaded \(answer.subscriptions) subscriptions of \(answer.tenants) tenants, seed \(answer.seed),"
                    + " in \(answer.milliseconds) ms"
            }
        }

        private func load(
            _ portfolio: DemoPortfolio,
            _ database: DatabaseSettings
        ) async throws -> DemoPortfolio.Outcome {
            do {
                return try await DatabaseSession.transaction(
                    database.migrationConfiguration(),
                    database,
                    DemoPortfolio.transaction
                ) { transaction in
                    let outcome = try await portfolio.load(in: transaction)
                    _ = try await DemoContacts.load(in: transaction)
                    return outcome
                }
            } catch let refusal as DemoRefused {
                throw CommandFailure(.notPermitted, refusal.description, remedy: refusal.remedy)
            }
        }
    }
}
