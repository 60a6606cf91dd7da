import Billing
import CivilTime
import Monetary

extension ExplainedSubscription {
    /// For people: what matters first, then what it follows from; the standing comes after what is next.
    func lines(standing: [String]) -> [String] {
        heading + nextLines + standing + gap("WHAT IT CONSISTS OF") + itemLines + gap("HOW PERIODS ARE COUNTED")
            + scheduleLines
            + gap("HOLDS") + holdLines + gap("LAST INVOICES") + invoiceLines + gap("CHANGES OF STATE") + transitionLines
            + gap("RULES IN FORCE") + ruleLines
    }

    private func gap(_ title: String) -> [String] { ["", title] }

    private var heading: [String] {
        let ref = externalRef.map { " (ref \($0))" } ?? ""
        var lines = [
            "subscription \(id)\(ref) of \(tenant.name) (tenant \(tenant.id)), billed by \(issuer.name)",
            "plan: \(plan.name) (\(plan.code) version \(plan.version)), \(every(plan.count, plan.unit)), in \(currency)",
            "state: \(state)\(since.map { " since \(local($0))" } ?? "")",
            "today: \(today) in \(timeZone)",
        ]
        if let parked { lines.append("parked: since \(local(parked.at)): \(parked.reason)") }
        if state == "pending" { lines.append("begins: \(startsOn)") }
        if let trialEnd, state == "pending" || state == "trialing" {
            lines.append("trial: until the day before \(trialEnd)")
        }
        if let cancelOn { lines.append("cancelled: on \(cancelOn); nothing that begins then or later is billed") }
        if state == "paused" {
            lines.append("paused: \(pausedUntil.map { "until \($0)" } ?? "until someone resumes it")")
        }
        return lines
    }

    private var nextLines: [String] {
        let verdict =
            switch next.verdict {
            case .due: "due"
            case .notYet: "not yet due"
            case .keptBack: "kept back"
            case .never: "none"
            }
        var lines = ["next invoice: \(verdict)"]
        lines += next.reasons.map { "  \($0)" }
        if next.verdict != .never {
            let when = next.issueOn < today ? "its day of issue was" : "its day of issue is"
            lines.append("  it is for \(next.from) up to \(next.until) (period \(next.k)); \(when) \(next.issueOn)")
        }
        lines.append("charged or explained: every day before \(next.chargedThrough)")
        guard let grace = paymentGrace else { return lines + ["payment grace: nothing is owed"] }
        let left =
            switch grace.daysLeft {
            case ..<0: "it ended \(days(-grace.daysLeft)) ago"
            case 0: "today is its last day"
            default: "\(days(grace.daysLeft)) are left"
            }
        return lines + [
            "payment grace: until \(grace.end) (\(grace.invoice) was due on \(grace.dueDate), plus \(days(grace.graceDays))); \(left)"
        ]
    }

    private var itemLines: [String] {
        var table = TextTable(["ITEM", "QUANTITY", "EACH", "FROM", "BEFORE", "WHAT"])
        for item in items {
            table.add([
                item.code, "\(item.quantity)", item.unitAmount.description, "\(item.validFrom)", item.validUntil.text,
                item.description,
            ])
        }
        return [items.isEmpty ? "nothing" : table.text]
    }

    private var scheduleLines: [String] {
        var table = TextTable(["VERSION", "ANCHOR", "EVERY", "DAY", "FROM", "BEFORE"])
        for schedule in schedules {
            table.add([
                "\(schedule.version)", "\(schedule.anchor)", every(schedule.count, schedule.unit),
                schedule.dayPolicy == .lastDay ? "the month's last" : "the anchor's", "\(schedule.validFrom)",
                schedule.validUntil.text,
            ])
        }
        return [table.text]
    }

    private var holdLines: [String] {
        holds.isEmpty
            ? ["none"]
            : holds.map { hold in
                let until = hold.validUntil.map { " before \($0)" } ?? ""
                let effect = hold.stopsBilling ? "stops billing" : "does not stop billing"
                return "\(hold.source): \(hold.reason); from \(hold.validFrom)\(until), \(effect)"
                    + (hold.isInForce ? "" : ", not in force today")
            }
    }

    private var invoiceLines: [String] {
        var table = TextTable(["NUMBER", "PERIOD", "ISSUED", "DUE", "GRACE ENDS", "TOTAL", "OPEN", "STATE"])
        for invoice in invoices {
            table.add([
                invoice.number, "\(invoice.from) – \(invoice.until)", "\(invoice.issueDate)", "\(invoice.dueDate)",
                "\(invoice.graceEnd)", invoice.total.description, invoice.open.description,
                invoice.isOverdue ? "overdue" : invoice.state,
            ])
        }
        return [invoices.isEmpty ? "none" : table.text]
    }

    private var transitionLines: [String] {
        var table = TextTable(["WHEN", "FROM", "TO", "WHY", "BY", "RUN"])
        for change in transitions {
            table.add([
                local(change.at), change.from, change.to, change.cause, change.actor,
                change.runId.map { "\($0)" } ?? "-",
            ])
        }
        return [table.text]
    }

    private var ruleLines: [String] {
        var table = TextTable(["RULE", "VALUE", "FROM"])
        for rule in policy { table.add([String(rule.name.map { $0 == "_" ? " " : $0 }), rule.value, rule.from]) }
        return [policy.isEmpty ? "none: the issuer has no policy" : table.text]
    }

    private func local(_ instant: Instant) -> String {
        (try? Zone(named: timeZone).localText(at: instant)) ?? instant.description
    }

    private func every(_ count: Int, _ unit: PeriodUnit) -> String {
        count == 1 ? "every \(unit.rawValue)" : "every \(count) \(unit.rawValue)s"
    }

    private func days(_ count: Int) -> String { count == 1 ? "1 day" : "\(count) days" }
}

extension CivilDate? {
    /// A dash where there is no such day.
    fileprivate var text: String { map(\.description) ?? "-" }
}
