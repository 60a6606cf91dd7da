/// What should be said in a month of dunning, worked out from its script alone: at each moment the latest step of an invoice is
/// planned, and what nothing speaks against is said.
struct DunningModel {
    typealias Minute = DunningScript.Minute

    /// What one payer gets on one channel on one of his days.
    struct Key: Hashable, Comparable, CustomStringConvertible {
        let payer: Int
        let channel: String
        let `class`: String
        let day: Int

        var description: String { "payer \(payer) by \(channel), \(`class`), on \(DunningScript.date(day))" }
        static func < (left: Key, right: Key) -> Bool {
            (left.day, left.payer, left.channel, left.class) < (right.day, right.payer, right.channel, right.class)
        }
    }

    private struct Notice {
        enum State { case planned, said, over }
        let invoice: DunningScript.Invoice
        let step: DunningScript.Step
        let channel: String
        let until: Minute
        var state: State
    }

    let script: DunningScript
    /// The invoices that each message names.
    private(set) var letters: [Key: Set<String>] = [:]
    /// The moments at which something is said, with how many messages.
    private(set) var busy: [Minute: Int] = [:]
    /// How many steps were passed over for a later one.
    private(set) var superseded = 0
    private var notices: [[String: Notice]]

    init(_ script: DunningScript, moments: [Minute]) {
        self.script = script
        notices = Array(repeating: [:], count: script.invoices.count)
        for moment in moments {
            for place in script.invoices.indices { plan(place, moment) }
            for payer in script.payers {
                for channel in DunningScript.everywhere { say(to: payer, channel, moment) }
            }
        }
    }

    private mutating func plan(_ place: Int, _ moment: Minute) {
        let invoice = script.invoices[place]
        let payer = script.payers[invoice.payer]
        let isThere = moment >= DunningScript.at(invoice.issueDay, 0, 5)
        guard isThere, invoice.paid.map({ moment < $0 }) ?? true else { return }
        func planned(_ step: DunningScript.Step) -> Minute {
            DunningScript.at(invoice.dueDay + step.offset, 9) - payer.ahead
        }
        let coming = DunningScript.steps.filter {
            planned($0) <= moment && invoice.dueDay + $0.offset >= invoice.issueDay
        }
        guard let step = coming.last, notices[place][step.id] == nil else { return }
        for earlier in coming.dropLast() where notices[place][earlier.id].map({ $0.state == .planned }) ?? true {
            superseded += 1
            notices[place][earlier.id] = Notice(
                invoice: invoice,
                step: earlier,
                channel: "",
                until: 0,
                state: .over
            )
        }
        let channel = step.ladder.first { $0 == "operator" || payer.channels.contains($0) }
        let until = planned(step) + step.validDays * DunningScript.dayLength
        notices[place][step.id] = Notice(
            invoice: invoice,
            step: step,
            channel: channel ?? "",
            until: until,
            state: channel == nil || until <= moment ? .over : .planned
        )
    }

    private mutating func say(to payer: DunningScript.Payer, _ channel: String, _ moment: Minute) {
        var ready: [(place: Int, step: String)] = []
        for place in script.invoices.indices where script.invoices[place].payer == payer.number {
            for (step, notice) in notices[place] where notice.state == .planned && notice.channel == channel {
                switch verdict(notice, payer, moment) {
                case .say: ready.append((place, step))
                case .never: notices[place][step]?.state = .over
                case .wait: break
                }
            }
        }
        let day = (moment + payer.ahead) / DunningScript.dayLength
        func key(_ class: String) -> Key { Key(payer: payer.number, channel: channel, class: `class`, day: day) }
        // What is graver first: a courtesy never comes on the day of a reminder.
        for `class` in ["mandatory", "optional"] {
            let these = ready.filter { notices[$0.place][$0.step]?.step.class == `class` }
            let isTaken = letters[key(`class`)] != nil || (`class` == "optional" && letters[key("mandatory")] != nil)
            guard !these.isEmpty, !isTaken else { continue }
            letters[key(`class`)] = Set(these.map { script.invoices[$0.place].reference })
            busy[moment, default: 0] += 1
            for (place, step) in these { notices[place][step]?.state = .said }
        }
    }

    private enum Verdict { case say, wait, never }

    private func verdict(_ notice: Notice, _ payer: DunningScript.Payer, _ moment: Minute) -> Verdict {
        let isOptional = notice.step.class == "optional"
        if moment >= notice.until { return .never }
        if let paid = notice.invoice.paid, moment >= paid { return .never }
        if notice.channel == "telegram", DunningScript.stopped.contains(moment) { return .wait }
        if let held = notice.invoice.held, held.contains(moment) { return .wait }
        if !isOptional, DunningScript.stale.contains(moment) { return .wait }
        if isOptional, notice.channel != "operator", let declines = payer.declines, moment >= declines { return .never }
        return Self.isQuiet(moment + payer.ahead) ? .wait : .say
    }

    /// Whether nobody is disturbed, by the payer's clock.
    static func isQuiet(_ local: Minute) -> Bool {
        let time = local % DunningScript.dayLength
        return time < 8 * 60 || time >= 20 * 60 || DunningScript.holidays.contains(local / DunningScript.dayLength)
    }
}
