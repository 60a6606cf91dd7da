package import CivilTime

/// One thing that is looked at before a notice is said: whether it speaks for it, and by which value.
package struct NoticeCheck: Equatable, Sendable, Codable {
    /// Short and stable, for people and machines: `paid`, `quiet_hours`.
    package let name: String
    package let passed: Bool
    /// What was found, in words.
    package let found: String

    init(_ name: String, _ passed: Bool, _ found: String) {
        self.name = name
        self.passed = passed
        self.found = found
    }
}

/// What becomes of a notice whose time has come.
package enum NoticeVerdict: Equatable, Sendable {
    case send
    /// Not now; no try is counted.
    case putOff(until: Instant, NoticeReason)
    /// Never.
    case skip(NoticeReason)
    /// A later step of the same invoice took its place.
    case superseded
    /// Not on this channel: the next of its ladder takes over.
    case climb(NoticeReason)
}

/// Why a notice was not said, or not yet; the words of the database.
package enum NoticeReason: String, Codable, CaseIterable, Sendable {
    case paid, disputed, held, suppressed, parked, budget, ended, journalled, unrenderable, retry
    case belowTolerance = "below_tolerance"
    case promiseToPay = "promise_to_pay"
    case creditPending = "credit_pending"
    case noConsent = "no_consent"
    case noAddress = "no_address"
    case addressUnfit = "address_unfit"
    case channelOff = "channel_off"
    case killSwitch = "kill_switch"
    case staleReconciliation = "stale_reconciliation"
    case expiredMessage = "expired_message"
    case quietHours = "quiet_hours"
    case oneADay = "one_a_day"
    case laterStep = "later_step"
}

/// The rules by which one payer is written to.
package struct DeliveryRules: Equatable, Sendable {
    package var quiet: QuietHours?
    package var calendar: BusinessCalendar?
    /// How old bank data may be where something is said not to be paid.
    package var freshness: Duration

    package init(quiet: QuietHours? = nil, calendar: BusinessCalendar? = nil, freshness: Duration = .seconds(900)) {
        self.quiet = quiet
        self.calendar = calendar
        self.freshness = freshness
    }
}

extension DeliveryFacts {
    /// Looks at everything that may speak against a notice, in the order in which it counts.
    ///
    /// The first check that did not pass decides. It is pure: explaining a notice and claiming it are the same look.
    package func checks(_ rules: DeliveryRules, _ zone: Zone, now: Instant) -> [(NoticeCheck, NoticeVerdict)] {
        worth(now) + leave(now) + bankData(rules, now) + address + time(rules, zone, now)
    }

    /// What the checks come to.
    package static func verdict(_ checks: [(NoticeCheck, NoticeVerdict)]) -> NoticeVerdict {
        checks.first { !$0.0.passed }?.1 ?? .send
    }

    /// Whether it is still worth saying.
    private func worth(_ now: Instant) -> [(NoticeCheck, NoticeVerdict)] {
        var checks = [
            (
                NoticeCheck("valid", validUntil >= now, "worth saying until \(validUntil)"),
                NoticeVerdict.skip(.expiredMessage)
            )
        ]
        guard isDunning else { return checks }
        let open = openAmount ?? 0
        checks.append((NoticeCheck("paid", open > 0, open > 0 ? "open: \(open)" : "nothing is open"), .skip(.paid)))
        checks.append(
            (NoticeCheck("tolerance", open > tolerance || open == 0, "tolerance: \(tolerance)"), .skip(.belowTolerance))
        )
        let later = laterStep.map { "step \($0) was planned since" } ?? "no later step"
        checks.append((NoticeCheck("latest_step", laterStep == nil, later), .superseded))
        let hasEnded = category == "final" && ["canceled", "expired"].contains(subscriptionState ?? "")
        checks.append(
            (NoticeCheck("subscription", !hasEnded, subscriptionState ?? "none"), .skip(.ended))
        )
        return checks
    }

    /// Whether people have said that it shall wait.
    private func leave(_ now: Instant) -> [(NoticeCheck, NoticeVerdict)] {
        let stopped = NoticeCheck("kill_switch", stop == nil, stop.map { "stopped: \($0)" } ?? "on")
        let rests = restUntil.map { $0 > now } ?? false
        let rest = NoticeCheck("channel", !rests, rests ? "left alone until \(restUntil ?? now)" : "open")
        var checks = [
            (stopped, NoticeVerdict.putOff(until: now.adding(.seconds(900)), .killSwitch)),
            (rest, .putOff(until: restUntil ?? now, .channelOff)),
        ]
        guard isDunning else { return checks }
        let parked = NoticeCheck("parked", !isParked, isParked ? "the subscription is parked" : "not parked")
        checks.append((parked, .putOff(until: now.adding(.seconds(3600)), .parked)))
        let reason: NoticeReason =
            switch holdSource {
            case "promise": .promiseToPay
            case "dispute": .disputed
            default: .held
            }
        let held = holdSource.map { "held by \($0)" + (holdUntil.map { " until \($0)" } ?? "") } ?? "no hold"
        let until = max(holdUntil ?? now.adding(.seconds(86_400)), now.adding(.seconds(900)))
        checks.append((NoticeCheck("hold", holdSource == nil, held), .putOff(until: until, reason)))
        return checks
    }

    /// Whether it may be said that something was not paid.
    private func bankData(_ rules: DeliveryRules, _ now: Instant) -> [(NoticeCheck, NoticeVerdict)] {
        guard isDunning, isAfterDue else { return [] }
        let credit = NoticeCheck("credit", !hasCredit, hasCredit ? "credit waits to be applied" : "no credit waits")
        let isFresh = accounts == 0 || watermark.map { $0.adding(rules.freshness) >= now } ?? false
        let found =
            accounts == 0
            ? "no account is asked about" : "complete up to \(watermark.map { "\($0)" } ?? "no instant at all")"
        return [
            (credit, .putOff(until: now.adding(.seconds(3600)), .creditPending)),
            (
                NoticeCheck("bank_data", isFresh, "\(found); at most \(rules.freshness.components.seconds) s old"),
                .putOff(until: now.adding(.seconds(300)), .staleReconciliation)
            ),
        ]
    }

    /// Whether it may be sent there.
    private var address: [(NoticeCheck, NoticeVerdict)] {
        guard channel != .operator else { return [] }
        let isThere = recipient != nil
        let isFit = !(recipient ?? "").utf8.contains { $0 < 0x20 || $0 == 0x7F }
        let told = wasErased ? "the address was erased" : "no address on \(channel.rawValue)"
        var checks = [
            (NoticeCheck("address", isThere, isThere ? "there is one" : told), NoticeVerdict.climb(.noAddress)),
            (NoticeCheck("address_fit", isFit, isFit ? "fit" : "it has a control character"), .climb(.addressUnfit)),
            (NoticeCheck("suppression", suppression == nil, suppression ?? "not suppressed"), .climb(.suppressed)),
        ]
        if `class` == .optional {
            let found = hasConsent ? "not withdrawn" : "withdrawn"
            checks.append((NoticeCheck("consent", hasConsent, found), .skip(.noConsent)))
        }
        return checks
    }

    /// Whether the hour is right.
    ///
    /// Receipts may come at any hour where they do not ring.
    private func time(_ rules: DeliveryRules, _ zone: Zone, _ now: Instant) -> [(NoticeCheck, NoticeVerdict)] {
        let rings = channel == .sms || channel == .telegram
        guard `class` == .optional || `class` == .mandatory || (`class` == .transaction && rings) else { return [] }
        let calendar = `class` == .transaction ? nil : rules.calendar
        let times = OpenTimes(quiet: rules.quiet, calendar: calendar ?? Self.alwaysOpen)
        let (opening, reason) = times.earliest(at: now, in: zone)
        let isOpen = opening <= now
        let found = isOpen ? "\(zone.name) is awake" : "\(reason.map { "\($0)" } ?? "closed"), until \(opening)"
        return [(NoticeCheck("quiet_hours", isOpen, found), .putOff(until: opening, .quietHours))]
    }

    private static let alwaysOpen = BusinessCalendar(name: "every day", closed: [:], until: .latest)
}
