package import CivilTime
internal import Schedules
internal import Webhooks

/// When who is told what about an unpaid invoice: the steps in their order, the hours at which nobody is disturbed, and how
/// fresh bank data must be.
///
/// Read from a policy file; a tenant may have one of its own.
package struct DunningPolicy: Hashable, Sendable {
    /// The first 16 hexadecimal digits of the SHA-256 of `json`.
    package let version: String
    /// The policy as canonical JSON, with its calendar: what is kept in the database of every policy that was ever used.
    package let json: String
    /// By offset, each with an id of its own.
    package let steps: [DunningStep]
    package let quiet: QuietHours
    /// The days on which nobody is disturbed, nor suspended.
    package let calendar: BusinessCalendar
    /// How old the watermark of an account may be for a step after the due date.
    package let freshness: Duration
    /// A run that would plan more notices than this waits for approval; nil: no limit.
    package let approveAbove: Int?
    /// Whether subscriptions are suspended by it; a final notice is then required.
    package let suspends: Bool
    /// How long before a suspension the final notice must have been accepted.
    package let minimumNotice: Duration
    /// The local hours of an open day at which subscriptions are suspended.
    package let suspensionHours: OpenHours

    /// A policy as it is given: the rules of a policy file are checked where a file is read.
    package init(
        steps: [DunningStep] = Self.usualSteps,
        quiet: QuietHours = .nightly,
        calendar: BusinessCalendar = .alwaysOpen,
        freshness: Duration = .seconds(900),
        approveAbove: Int? = nil,
        suspends: Bool = false,
        minimumNotice: Duration = .seconds(72 * 3600),
        suspensionHours: OpenHours = .office
    ) {
        self.steps = steps
        self.quiet = quiet
        self.calendar = calendar
        self.freshness = freshness
        self.approveAbove = approveAbove
        self.suspends = suspends
        self.minimumNotice = minimumNotice
        self.suspensionHours = suspensionHours
        json = Self.json(steps, quiet, calendar, freshness, approveAbove, suspends, minimumNotice, suspensionHours)
        let digest = SignatureCrypto.sha256(Array(json.utf8))
        version = digest.prefix(8).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    package func step(_ id: String) -> DunningStep? { steps.first { $0.id == id } }
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

    /// A step; what is left out is what the category says.
    package init(
        _ id: String,
        offsetDays: Int,
        minuteOfDay: Int = 9 * 60,
        category: String,
        template: String? = nil,
        ladder: [NoticeChannel]? = nil,
        validFor: Duration? = nil
    ) {
        let usual = NoticeCatalogue.category(named: category)
        self.id = id
        self.offsetDays = offsetDays
        self.minuteOfDay = minuteOfDay
        self.category = category
        self.template = template ?? category
        self.ladder = ladder ?? usual?.ladder ?? []
        self.validFor = validFor ?? usual?.validFor ?? .seconds(86_400)
    }

    /// Whether it says that something was not paid in time.
    ///
    /// The due date itself is never late.
    package var isAfterDue: Bool { offsetDays > 0 }
}
