internal import Schedules

/// The keys at the top of a dunning policy.
enum PolicyFileKey: String, ScheduleFileKey {
    case version, policy, tenants
}

/// The keys of `policy`.
enum PolicyKey: String, ScheduleFileKey {
    case steps, quiet, calendar, freshness
    case approveAbove = "approve_above"
    case paymentGraceDays = "payment_grace_days"
    case suspension
}

/// The keys of one step.
enum PolicyStepKey: String, ScheduleFileKey {
    case id
    case offsetDays = "offset_days"
    case at, category, template, channels
    case validFor = "valid_for"
}

/// The keys of a step that a tenant changes or adds; its id is the key before them.
enum TenantStepKey: String, ScheduleFileKey {
    case offsetDays = "offset_days"
    case at, category, template, channels
    case validFor = "valid_for"

    /// The same key of a step of the policy for all.
    var ofStep: PolicyStepKey {
        switch self {
        case .offsetDays: .offsetDays
        case .at: .at
        case .category: .category
        case .template: .template
        case .channels: .channels
        case .validFor: .validFor
        }
    }
}

/// The keys of a tenant.
enum TenantPolicyKey: String, ScheduleFileKey {
    case steps
}

/// The keys of a stretch of a day.
enum PolicyHoursKey: String, ScheduleFileKey {
    case from, until
}

/// The keys of `suspension`.
enum PolicySuspensionKey: String, ScheduleFileKey {
    case enabled
    case minimumNotice = "minimum_notice"
    case window
}

/// The keys at the top of a calendar.
enum CalendarFileKey: String, FileKeys {
    case version, country, source, until, weekend, closed
}

/// The keys of `source`.
enum CalendarSourceKey: String, FileKeys {
    case text, date
}
