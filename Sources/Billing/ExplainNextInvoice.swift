package import CivilTime

/// When the next invoice of a subscription is issued, and why it is or is not due.
package struct NextInvoice: Sendable, Encodable, Equatable {
    /// The period that it is for: k of its schedule, and its days.
    ///
    /// The first may begin in mid-period.
    package let k: Int
    package let from: CivilDate
    package let until: CivilDate
    /// The local day on which it is due to be issued.
    package let issueOn: CivilDate
    /// Every day before it is charged, or explained.
    package let chargedThrough: CivilDate
    package let verdict: Verdict
    /// Why, in sentences; the first one decides.
    package let reasons: [String]

    /// What the next run of renewals does.
    package enum Verdict: String, Sendable, Encodable {
        /// It issues the invoice.
        case due
        /// Its day has not come.
        case notYet = "not_yet"
        /// Its day has come, but something keeps it back.
        case keptBack = "kept_back"
        /// There will be none.
        case never
    }
}

/// What the verdict on the next invoice is judged by.
package struct NextInvoiceFacts: Sendable {
    package var state: String
    package var today: CivilDate
    package var issueOn: CivilDate
    package var startsOn: CivilDate
    package var trialEnd: CivilDate?
    package var cancelOn: CivilDate?
    package var pausedUntil: CivilDate?
    package var parkedReason: String?
    /// Reasons of the holds that stop billing today, as "source: reason".
    package var holds: [String]
    package var waitsForRate: Bool
    package var rateSource: String
    package var rateMaxAgeDays: Int
    package var latestRate: CivilDate?
    /// How many periods are due at once, and how many may be.
    package var periodsDue: Int
    package var catchUpPeriods: Int

    package init(state: String, today: CivilDate, issueOn: CivilDate, startsOn: CivilDate) {
        self.state = state
        self.today = today
        self.issueOn = issueOn
        self.startsOn = startsOn
        trialEnd = nil
        cancelOn = nil
        pausedUntil = nil
        parkedReason = nil
        holds = []
        waitsForRate = false
        rateSource = ""
        rateMaxAgeDays = 0
        latestRate = nil
        periodsDue = 0
        catchUpPeriods = 3
    }

    /// The verdict and its reasons, by the same rules as `bursar.renewals_due`.
    package func judge() -> (verdict: NextInvoice.Verdict, reasons: [String]) {
        if let end = ended() { return (.never, [end]) }
        if let rest = resting() { return rest }
        if today < issueOn { return (.notYet, ["its period begins on \(issueOn), in \(days(to: issueOn))"]) }
        let obstacles = obstacles()
        if !obstacles.isEmpty { return (.keptBack, obstacles) }
        let late = today == issueOn ? "today" : "since \(issueOn)"
        let several = periodsDue > 1 ? "; \(periodsDue) periods at once, one invoice each" : ""
        return (.due, ["it is due \(late)\(several): the next run of renewals issues it"])
    }

    private func ended() -> String? {
        if state == "canceled" || state == "expired" {
            return "the subscription is \(state): nothing is billed any more"
        }
        guard let cancelOn, cancelOn <= issueOn else { return nil }
        return "it is cancelled on \(cancelOn), and the next period would begin on \(issueOn)"
    }

    /// States in which nothing is billed.
    private func resting() -> (NextInvoice.Verdict, [String])? {
        if let parkedReason {
            return (
                .keptBack,
                ["it is parked: \(parkedReason)", "a person must look, and then `bursar subscriptions unpark`"]
            )
        }
        switch state {
        case "pending": return (.notYet, ["it begins on \(startsOn)"])
        case "trialing": return (.notYet, ["it is in its trial\(trialEnd.map { " until the day before \($0)" } ?? "")"])
        case "paused":
            let until = pausedUntil.map { "until \($0)" } ?? "until someone resumes it"
            return (.keptBack, ["it is paused \(until); days of the pause are not billed"])
        case "suspended": return (.keptBack, ["it is suspended; suspended time is not billed"])
        default: return nil
        }
    }

    private func obstacles() -> [String] {
        var obstacles = holds.map { "billing is held by \($0)" }
        if waitsForRate {
            let latest = latestRate.map { "the latest is of \($0)" } ?? "there is none"
            obstacles.append(
                "it waits for an exchange rate of '\(rateSource)' not older than \(rateMaxAgeDays) days: \(latest)"
            )
        }
        if periodsDue > catchUpPeriods {
            obstacles.append(
                "\(periodsDue) periods are due at once, more than \(catchUpPeriods): the next run parks it"
            )
        }
        return obstacles
    }

    private func days(to day: CivilDate) -> String {
        let count = today.days(to: day)
        return count == 1 ? "1 day" : "\(count) days"
    }
}
