package import CivilTime
internal import JobKit
package import Notices
internal import Postgres

/// By which rules subscriptions are suspended: those of the house, and those of tenants with a policy of their own.
///
/// They come from the dunning policy files in force. What is not given is preset so that nobody is suspended.
package struct StandingRules: Hashable, Sendable {
    package var house: SuspensionRules
    /// By the tenant's external reference.
    package var tenants: [String: SuspensionRules]

    package init(house: SuspensionRules = SuspensionRules(), tenants: [String: SuspensionRules] = [:]) {
        self.house = house
        self.tenants = tenants
    }

    /// The rules as the statements of this room read them.
    ///
    /// - Parameter expireAfter: after how many days a suspended subscription expires; nil: never.
    /// - Returns: one JSON object.
    /// - Throws: what cannot be written as JSON.
    func text(expireAfter: Int?) throws -> JSONText {
        var told = SuspensionRules.Told(house)
        told.expireAfter = expireAfter
        told.tenants = tenants.mapValues { SuspensionRules.Told($0) }
        return try JSONText(encoding: told)
    }
}

/// When, and after which notice, a subscription may be suspended.
package struct SuspensionRules: Hashable, Sendable {
    /// Whether anybody is suspended at all.
    package var suspends = false
    /// How long before a suspension the payer must have been told for the last time.
    package var minimumNotice = Duration.seconds(72 * 3600)
    /// From when to before when, in minutes after midnight of the issuer's zone: while somebody is there to help.
    package var window = 9 * 60..<16 * 60
    /// On its closed days nobody is suspended, nor after the last day that it knows.
    package var calendar = BusinessCalendar(name: "every day", closed: [:], until: .latest)

    package init() {}

    /// What a dunning policy says of suspensions.
    package init(_ policy: DunningPolicy) {
        suspends = policy.suspends
        minimumNotice = policy.minimumNotice
        calendar = policy.calendar
        window = policy.suspensionHours.from..<policy.suspensionHours.until
    }

    /// The rules in the words of `bursar.suspension_gates`.
    fileprivate struct Told: Encodable {
        let suspends: Bool
        let minimumNotice: Int64
        let opens: Int
        let closes: Int
        let closed: [String: String]
        let weekend: [Int]
        let knownUntil: String
        var expireAfter: Int?
        var tenants: [String: Told]?

        init(_ rules: SuspensionRules) {
            suspends = rules.suspends
            minimumNotice = rules.minimumNotice.components.seconds
            opens = rules.window.lowerBound
            closes = rules.window.upperBound
            closed = Dictionary(uniqueKeysWithValues: rules.calendar.closed.map { ($0.description, $1) })
            weekend = rules.calendar.weekend.map(\.number).sorted()
            knownUntil = rules.calendar.until.description
        }

        private enum CodingKeys: String, CodingKey {
            case suspends, opens, closes, closed, weekend, tenants
            case minimumNotice = "minimum_notice"
            case knownUntil = "known_until"
            case expireAfter = "expire_after"
        }
    }
}
