/// How many runs of a job may be under way at the same time, over all nodes.
///
/// The limits hold exactly, through crashes too: what counts is the runs that are claimed or may be, never a counter.
package struct JobLimits: Equatable, Sendable {
    /// What tells the keys of a job's runs apart.
    package enum Key: Equatable, Sendable {
        case tenant
        /// The value of a parameter.
        case parameter(String)

        /// How the database writes it; no parameter is named tenant.
        package var name: String {
            switch self {
            case .tenant: "tenant"
            case .parameter(let name): name
            }
        }
    }

    /// Runs of the job; nil for any number.
    package var atOnce: Int?
    /// Runs with the same key; nil for any number.
    package var perKey: (key: Key, most: Int)?
    /// Whom the job calls: while that provider's circuit is open none of its runs is claimed.
    package var provider: String?

    package init(atOnce: Int? = nil, perKey: (key: Key, most: Int)? = nil, provider: String? = nil) {
        self.atOnce = atOnce
        self.perKey = perKey
        self.provider = provider
    }

    /// Any number of runs.
    package static let none = JobLimits()

    package static func == (one: JobLimits, other: JobLimits) -> Bool {
        one.atOnce == other.atOnce && one.perKey?.key == other.perKey?.key && one.perKey?.most == other.perKey?.most
            && one.provider == other.provider
    }
}
