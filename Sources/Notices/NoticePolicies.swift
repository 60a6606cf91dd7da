internal import Schedules

/// The dunning policies in force: one for all, and those of tenants that have one of their own.
package struct NoticePolicies: Hashable, Sendable {
    package var standard: DunningPolicy
    /// By the tenant's external reference, whoever its issuer is.
    package var overrides: [String: DunningPolicy]

    package init(standard: DunningPolicy = .builtIn, overrides: [String: DunningPolicy] = [:]) {
        self.standard = standard
        self.overrides = overrides
    }

    /// The policy of a tenant by its external reference; one without a reference has the policy for all.
    package func policy(of tenant: String?) -> DunningPolicy {
        tenant.flatMap { overrides[$0] } ?? standard
    }

    /// Each once, the one for all first and the others by version.
    package var all: [DunningPolicy] {
        var seen: Set = [standard.version]
        return [standard]
            + overrides.values.sorted { $0.version < $1.version }.filter { seen.insert($0.version).inserted }
    }

    /// The templates that steps ask for.
    package var templates: Set<String> { Set(all.flatMap { $0.steps.map(\.template) }) }
}
