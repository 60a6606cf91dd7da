import Billing
import CivilTime
import Postgres
import Standing

/// A subscription explained by every room that decides about it.
///
/// In JSON the standing is one more key.
struct ExplainedWhole: Encodable {
    let subscription: ExplainedSubscription
    let standing: ExplainedStanding

    private enum CodingKeys: String, CodingKey { case standing }

    static func read(
        _ name: String,
        asOf: Instant?,
        _ rules: StandingRules,
        in transaction: Transaction
    ) async throws -> ExplainedWhole {
        let subscription = try await ExplainedSubscription.read(name, asOf: asOf, in: transaction)
        let standing = try await ExplainedStanding.read(
            subscription.id,
            state: subscription.state,
            rules: rules,
            asOf: subscription.asOf,
            in: transaction
        )
        return ExplainedWhole(subscription: subscription, standing: standing)
    }

    func encode(to encoder: any Encoder) throws {
        try subscription.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(standing, forKey: .standing)
    }

    var lines: [String] { subscription.lines(standing: standing.lines) }
}

extension ExplainedStanding {
    /// For people: what is next, and each gate with what was found; nothing where nothing is late.
    var lines: [String] {
        guard !gates.isEmpty else { return [] }
        var table = TextTable(["GATE", "VERDICT", "VALUE", "WANTED", "WHY"])
        for gate in gates {
            table.add([gate.gate, gate.passed ? "passed" : "RED", "\(gate.value)", gate.wanted, gate.why])
        }
        return ["suspension:"] + next.map { "  \($0)" } + ["", "GATES OF A SUSPENSION", table.text]
    }
}
