internal import CivilTime
package import Postgres

/// A portfolio to try Bursar with: a Cambodian property services company, its customers, and what they subscribed to.
///
/// The same seed, on the same business day and in a database of the same state, makes the same rows, ids included. It
/// refuses production, and a database where a real issuer is.
package struct DemoPortfolio: Sendable {
    /// How many customers.
    package let tenants: Int
    /// How many subscriptions they have together.
    package let subscriptions: Int
    /// What chance begins with; it names the issuer too.
    package let seed: Int64
    private let isPlain: Bool

    /// Seeds stay small enough for the dice that are derived from them.
    package static let seeds: ClosedRange<Int64> = 0...1_000_000_000_000

    /// A believable portfolio, in riel and dollars.
    ///
    /// Monthly plans mostly, some quarterly, yearly and weekly; month ends; trials, pauses, holds, cancellations. About two
    /// in five subscriptions have a period due today, hardly any has two. Where the number of subscriptions is null, it is
    /// five for two tenants.
    package init(tenants: Int = 1000, subscriptions: Int? = nil, seed: Int64 = 1) {
        self.init(tenants: tenants, subscriptions: subscriptions ?? tenants * 5 / 2, seed: seed, isPlain: false)
    }

    private init(tenants: Int, subscriptions: Int, seed: Int64, isPlain: Bool) {
        self.tenants = max(tenants, 1)
        self.subscriptions = max(subscriptions, 0)
        self.seed = min(max(seed, Self.seeds.lowerBound), Self.seeds.upperBound)
        self.isPlain = isPlain
    }

    /// For measuring: monthly subscriptions with one item each, every one with exactly one period due today.
    package static func due(count: Int, tenants: Int, seed: Int64 = 1) -> DemoPortfolio {
        DemoPortfolio(tenants: tenants, subscriptions: count, seed: seed, isPlain: true)
    }

    /// How a transaction that loads must begin: as the owner, which the login that migrates may be.
    package static let transaction = TransactionOptions(
        role: "bursar_owner",
        settings: [("jit", "off"), ("work_mem", "64MB"), ("bursar.actor", "demo")],
        statementTimeout: .seconds(3600)
    )

    /// Loads it, or finds that it is there: a portfolio of the same seed is never loaded twice.
    ///
    /// - Throws: `DemoRefused` in production, and where real data is.
    package func load(in transaction: Transaction) async throws -> Outcome {
        typealias Statements = DemoStatements
        try await transaction.query(Statements.lock)
        guard let standing = try await transaction.query(Statements.standing, seed).first else { return .alreadyThere }
        guard try standing.get("environment") != "production" else { throw DemoRefused.production }
        let real: Int = try standing.get("real")
        guard real == 0 else { throw DemoRefused.realData(issuers: real) }
        guard try !standing.get("loaded") else { return .alreadyThere }

        let catalogue = isPlain ? DemoCatalogue.plain : DemoCatalogue.plans
        let words = DemoWords.self
        try await transaction.pipeline([
            Statements.issuer.bind(seed),
            Statements.inForce.bind(seed),
            Statements.rates.bind(seed),
            Statements.plans.bind(seed, catalogue),
            Statements.tenants.bind(
                seed,
                tenants,
                words.companyHeads,
                words.companyTrades,
                words.companyForms,
                words.familyNames,
                words.givenNames
            ),
        ])
        if isPlain {
            try await transaction.query(Statements.plainSubscriptions, seed, subscriptions)
        } else {
            try await transaction.pipeline([
                Statements.subscriptions.bind(seed, subscriptions, catalogue),
                Statements.items.bind(seed, catalogue),
                Statements.holds.bind(seed, words.holdReasons),
                Statements.rests.bind(seed, words.pauseReasons),
            ])
        }
        try await transaction.pipeline([Statements.identities.bind(), Statements.counted.bind()])
        return .loaded
    }

    /// What became of a wish to load.
    package enum Outcome: Sendable {
        case loaded, alreadyThere
    }
}

/// Why no demonstration is loaded here.
package enum DemoRefused: Error, Sendable, Equatable, CustomStringConvertible {
    case production
    case realData(issuers: Int)

    package var description: String {
        switch self {
        case .production: "demonstration data is refused in production"
        case .realData(let issuers):
            "demonstration data is refused where real data is: \(issuers == 1 ? "an issuer" : "\(issuers) issuers")"
                + " of this database did not come from a demonstration"
        }
    }

    /// What to do instead.
    package var remedy: String { "use an empty development database, such as the one of `bursar dev up`" }
}
