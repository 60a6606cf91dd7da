package import CivilTime

/// Which run a job works on, under which claim.
package struct RunIdentity: Equatable, Sendable {
    package let id: Int64
    package let job: String
    package let schedule: String?
    /// The attempt's number, from 1.
    package let attempt: Int
    /// The token of this claim: a larger one is a later claim.
    package let fence: Int64
    /// The business instant that every decision of this attempt takes as "now".
    package let asOf: Instant
    /// Whether every chunk is rolled back.
    package let isDryRun: Bool

    package init(id: Int64, job: String, schedule: String?, attempt: Int, fence: Int64, asOf: Instant, isDryRun: Bool) {
        self.id = id
        self.job = job
        self.schedule = schedule
        self.attempt = attempt
        self.fence = fence
        self.asOf = asOf
        self.isDryRun = isDryRun
    }
}
