package import CivilTime

/// When who is told what about an unpaid invoice: the steps in their order, the hours at which nobody is disturbed, and how
/// fresh bank data must be. Read from a policy file; a tenant may have one of its own.
package struct DunningPolicy: Hashable, Sendable {
    /// The first 16 hexadecimal digits of the SHA-256 of the policy's canonical JSON.
    package var version: String
    /// By offset, each with an id of its own.
    package var steps: [DunningStep]
    package var quiet: QuietHours
    /// The days on which nobody is disturbed, nor suspended.
    package var calendar: BusinessCalendar
    /// How old the watermark of an account may be for a step after the due date.
    package var freshness: Duration
    /// A run that would plan more notices than this waits for approval; nil: no limit.
    package var approveAbove: Int?
    /// Whether subscriptions are suspended by it; a final notice is then required.
    package var suspends: Bool
    /// How long before a suspension the final notice must have been accepted.
    package var minimumNotice: Duration
}

/// One step of a policy, counted in days from the invoice's due date.
package struct DunningStep: Hashable, Sendable {
    /// Stable: it is part of what makes a notice unique.
    package var id: String
    /// Negative before the due date, 0 on it, positive after it.
    package var offsetDays: Int
    /// The local time of the payer's zone, in minutes after midnight.
    package var minuteOfDay: Int
    package var category: String
    package var template: String
    package var ladder: [NoticeChannel]
    /// Counted from the planned instant.
    package var validFor: Duration
}
