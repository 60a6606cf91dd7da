package import CivilTime
package import JobKit
package import Postgres

extension Renewal {
    /// What one subscription would be invoiced, as the stored item of a proposal.
    private struct Sum: Codable, Equatable {
        let currency: String
        let invoices: Int
        let total: Int64

        init(_ expected: Expected) {
            currency = expected.currency
            invoices = expected.invoices
            total = expected.total
        }
    }

    /// Everything that would be issued now, as items that a person can approve.
    package static func proposalItems(asOf: Instant, in transaction: Transaction) async throws -> [ProposalItem] {
        try await expected(asOf: asOf, in: transaction).map { expected in
            ProposalItem(
                key: expected.due.subscription,
                tenant: expected.due.tenant,
                content: try JSONText(encoding: Sum(expected)).text
            )
        }
    }

    /// The approved items that would still be issued just as they were approved: as many invoices, the same total.
    ///
    /// The others have changed since a person looked at them, and must not be issued on that word.
    package static func unchanged(
        _ approved: [ProposalItem],
        asOf: Instant,
        in transaction: Transaction
    ) async throws -> [Due] {
        let now = try await expected(asOf: asOf, among: approved.map(\.key), in: transaction)
        let sums = Dictionary(now.map { ($0.due, Sum($0)) }, uniquingKeysWith: { first, _ in first })
        return try approved.compactMap { item in
            guard let tenant = item.tenant else { return nil }
            let due = Due(tenant: tenant, subscription: item.key)
            return try sums[due] == JSONText(item.content).decoded(as: Sum.self) ? due : nil
        }
    }
}
