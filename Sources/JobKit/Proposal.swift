package import Monetary

/// What a run is about to do, told before its first effect.
package struct Preview: Equatable, Sendable {
    /// How many effects there will be.
    package let count: Int
    /// What they move.
    package let totals: MoneyTotals
    /// A digest of the items: two previews with one digest propose the same.
    package let digest: String

    package init(count: Int, totals: MoneyTotals, digest: String) {
        self.count = count
        self.totals = totals
        self.digest = digest
    }
}

/// One thing that a proposal would do: to what, for whom, and the facts that are compared again when it is applied.
package struct ProposalItem: Equatable, Sendable {
    package let key: Int64
    package let tenant: Int64?
    /// A JSON object.
    package let content: String

    package init(key: Int64, tenant: Int64?, content: String) {
        self.key = key
        self.tenant = tenant
        self.content = content
    }
}

/// How far a run may go.
package enum Permission: Equatable, Sendable {
    /// Everything that is due: the preview was within the limit.
    case everything
    /// The items of this proposal and nothing else: a person approved it.
    case items(ofProposal: Int64)
}
