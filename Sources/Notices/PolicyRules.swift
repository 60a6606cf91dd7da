internal import CivilTime
internal import Schedules
internal import Yams

/// What the steps of a policy must be together.
enum PolicyRules {
    /// The category of the notice without which nobody is suspended.
    static let final = "final"
    /// The channels on which a person is reached who is not the house itself.
    static let reaching: Set<NoticeChannel> = [.email, .telegram, .sms]

    /// Whole days that a duration touches.
    static func days(of duration: Duration) -> Int { Int((duration.components.seconds + 86_399) / 86_400) }
}

extension PolicyReader {
    /// Checks a policy; `what` names it, for a tenant's.
    mutating func check(_ draft: PolicyDraft, _ what: String) {
        checkOrder(draft)
        for placed in draft.steps {
            checkCategory(placed)
            checkHour(placed, draft)
        }
        let finals = draft.steps.filter { $0.step.category == PolicyRules.final }
        for placed in finals.dropFirst() {
            let first = finals[0].step.id
            let message = "step \"\(placed.step.id)\" is a second final notice after \"\(first)\""
            yaml.report(
                placed.place(.category),
                message,
                remedy: "give it the category overdue, or remove one of the two"
            )
        }
        guard draft.suspends else { return }
        if let final = finals.first {
            checkFinal(final, draft)
        } else if yaml.problems.isEmpty {
            let message = "\(what) suspends subscriptions and has no final notice"
            let remedy = "add a step with category: final, or set enabled of suspension to false"
            yaml.report(draft.suspensionNode ?? draft.node, message, remedy: remedy)
        }
    }

    private mutating func checkOrder(_ draft: PolicyDraft) {
        var ids: Set<String> = []
        for placed in draft.steps where !ids.insert(placed.step.id).inserted {
            let remedy = "give it an id of its own: one of the two would never be sent"
            yaml.report(placed.node, "the id \"\(placed.step.id)\" stands twice", remedy: remedy)
        }
        for (first, second) in zip(draft.steps, draft.steps.dropFirst())
        where second.step.offsetDays <= first.step.offsetDays {
            let isSame = second.step.offsetDays == first.step.offsetDays
            let message = "step \"\(second.step.id)\" is \(isSame ? "on the day of" : "before") \"\(first.step.id)\""
            let remedy =
                isSame
                ? "give each a day of its own: of two on one day only the later is sent"
                : "write the steps by offset_days"
            // The one that was written for this policy is the one to mend.
            let culprit = second.values[.offsetDays] == nil && first.values[.offsetDays] != nil ? first : second
            yaml.report(culprit.place(.offsetDays), message, remedy: remedy)
        }
    }

    /// Nobody is late before the due date has passed, and nobody may decline to hear that he is.
    private mutating func checkCategory(_ placed: PlacedStep) {
        let (step, category) = (placed.step, NoticeCatalogue.category(named: placed.step.category))
        guard let category, step.isAfterDue == (category.class == .optional) else { return }
        let when = step.isAfterDue ? "after the due date" : "before the due date has passed"
        let fitting = NoticeCatalogue.dunning.filter { ($0.class == .optional) != step.isAfterDue }.map(\.name)
        let message = "step \"\(step.id)\" says \"\(category.name)\" \(when)"
        let remedy = "there it may say: \(fitting.joined(separator: ", "))"
        yaml.report(placed.place(placed.values[.category] == nil ? .offsetDays : .category), message, remedy: remedy)
    }

    private mutating func checkHour(_ placed: PlacedStep, _ draft: PolicyDraft) {
        guard draft.quiet.isQuiet(placed.step.minuteOfDay) else { return }
        let quiet = "\(TimeText.of(draft.quiet.from)) to \(TimeText.of(draft.quiet.until))"
        let message = "\(TimeText.of(placed.step.minuteOfDay)) of step \"\(placed.step.id)\" is quiet, from \(quiet)"
        yaml.report(placed.place(.at), message, remedy: "choose a time outside of the quiet hours")
    }

    /// What the final notice must be while it is a condition of suspension.
    private mutating func checkFinal(_ final: PlacedStep, _ draft: PolicyDraft) {
        let what = "the final notice \"\(final.step.id)\""
        if PolicyRules.reaching.isDisjoint(with: final.step.ladder) {
            let remedy = "add email, telegram or sms to its channels"
            yaml.report(final.place(.channels), "\(what) reaches nobody but the house", remedy: remedy)
        }
        let closed = draft.calendar.longestClosure
        if final.step.validFor < .seconds((closed + 1) * 86_400) {
            let message = "\(what) is no longer valid when \(closed) closed days in a row are over"
            yaml.report(final.place(.validFor), message, remedy: "set valid_for to \(closed + 1)d at least")
        }
        checkTime(final, draft, closed)
    }

    /// Quiet hours and holidays put it off, and then its notice must still end within payment grace.
    private mutating func checkTime(_ final: PlacedStep, _ draft: PolicyDraft, _ closed: Int) {
        let notice = PolicyRules.days(of: draft.minimumNotice)
        let last = final.step.offsetDays + closed + notice
        let sum =
            "day \(final.step.offsetDays), \(closed) closed days in a row and \(notice) days of notice make \(last)"
        guard let grace = draft.graceDays else {
            let remedy =
                "add payment_grace_days: and the shortest that invoices have; nobody is suspended before \(last)"
            return yaml.warn(
                final.place(.offsetDays),
                "whether the final notice is early enough is not known: \(sum)",
                remedy: remedy
            )
        }
        guard last > grace else { return }
        let message = "the final notice comes too late for \(grace) days of payment grace: \(sum)"
        let remedy = "set its offset_days to \(grace - closed - notice) at most, or lengthen the grace of the plans"
        yaml.report(final.place(.offsetDays), message, remedy: remedy)
    }
}
