/// A month as it is played: who owes what, what happens when, and what the house's policy says.
///
/// Times are minutes since the beginning of 1 March 2026 in Phnom Penh. Nothing of the product is used here.
struct DunningScript {
    typealias Minute = Int

    static let dayLength = 1440
    static let dayCount = 31

    struct Payer {
        let number: Int
        /// How far the payer's clock is ahead of Phnom Penh's.
        let ahead: Minute
        /// Where the payer is reached, in the order of the ladder.
        let channels: [String]
        /// When courtesies are declined.
        let declines: Minute?
    }

    struct Invoice {
        let payer: Int
        /// Also the reference of its subscription.
        let reference: String
        let issueDay: Int
        let paid: Minute?
        /// While a promise or a dispute stands.
        let held: Range<Minute>?

        var dueDay: Int { issueDay + 7 }
    }

    struct Step {
        let id: String
        let offset: Int
        let category: String
        let ladder: [String]
        let validDays: Int

        var `class`: String { offset > 0 ? "mandatory" : "optional" }
    }

    static let everywhere = ["email", "telegram", "sms", "operator"]
    static let steps = [
        Step(id: "courtesy", offset: -5, category: "courtesy", ladder: ["email", "telegram"], validDays: 3),
        Step(id: "soon", offset: -1, category: "due_soon", ladder: everywhere, validDays: 1),
        Step(id: "today", offset: 0, category: "due_soon", ladder: everywhere, validDays: 1),
        Step(id: "late", offset: 1, category: "overdue", ladder: everywhere, validDays: 3),
        Step(id: "later", offset: 3, category: "overdue", ladder: everywhere, validDays: 3),
        Step(id: "last", offset: 6, category: "final", ladder: everywhere, validDays: 5),
    ]
    /// On which nothing runs.
    static let outage = 9
    static let holidays: Set<Int> = [16, 17]
    /// While bank data does not come in.
    static let stale: Range<Minute> = at(12, 0)..<at(14, 12)
    /// While Telegram is stopped by hand.
    static let stopped: Range<Minute> = at(6, 8, 5)..<at(6, 12)

    let payers: [Payer]
    let invoices: [Invoice]

    static func at(_ day: Int, _ hour: Int, _ minute: Int = 0) -> Minute { day * dayLength + hour * 60 + minute }

    init(payers count: Int) {
        payers = (0..<count).map { number in
            let channels = [
                ["email"], ["email"], ["email", "telegram"], ["telegram"], ["sms"], ["email", "sms"], ["email"], [],
            ][number % 8]
            let declines = number % 9 == 4 ? 0 : number % 9 == 7 ? Self.at(10, 12) : nil
            return Payer(number: number, ahead: number % 6 == 5 ? 120 : 0, channels: channels, declines: declines)
        }
        var invoices: [Invoice] = []
        for payer in payers {
            for nth in 0...payer.number % 3 {
                invoices.append(Self.invoice(of: payer, nth, place: invoices.count))
            }
        }
        self.invoices = invoices
    }

    private static func invoice(of payer: Payer, _ nth: Int, place: Int) -> Invoice {
        let wanted = (payer.number * 5 + (nth == 2 ? 2 : 0)) % 14
        let issueDay = wanted == outage ? wanted + 1 : wanted
        let due = issueDay + 7
        let paid =
            [2, 5].contains(place % 7) ? at(due - 3 + place % 9, place % 2 == 0 ? 11 : 8, place % 2 == 0 ? 0 : 58) : nil
        let isHome = payer.ahead == 0 && paid == nil
        let held: Range<Minute>? =
            switch place % 10 {
            case 3 where isHome: at(due - 2, 10)..<at(due + 3, 0)
            case 7 where isHome: at(due - 3, 10)..<Int.max
            default: nil
            }
        return Invoice(
            payer: payer.number,
            reference: "S\(payer.number)-\(nth)",
            issueDay: issueDay,
            paid: paid.map { isPlayed($0) ? $0 : $0 + dayLength },
            held: held.map { isPlayed($0.lowerBound) ? $0 : ($0.lowerBound + dayLength)..<$0.upperBound }
        )
    }

    static func isPlayed(_ minute: Minute) -> Bool { minute / dayLength != outage }

    /// The moments at which the jobs are asked for: each hour, and each minute within five of a boundary of any payer's day; or
    /// every minute.
    static func moments(everyMinute: Bool) -> [Minute] {
        let boundaries = [0, 8, 9, 20].flatMap { hour in [0, -120].map { hour * 60 + $0 } }
        return (0..<dayCount * dayLength).filter { moment in
            let time = moment % dayLength
            let isNear = boundaries.contains { boundary in
                let away = abs(time - (boundary + dayLength) % dayLength)
                return min(away, dayLength - away) <= 5
            }
            return isPlayed(moment) && (everyMinute || time % 60 == 0 || isNear)
        }
    }

    /// The policy as the house's file says it.
    static var policyFile: String {
        let lines = steps.map { step in
            """
                - { id: \(step.id), offset_days: \(step.offset), category: \(step.category), valid_for: \(step.validDays)d, \
            channels: [\(step.ladder.joined(separator: ", "))] }
            """
        }
        return """
            version: 1
            policy:
              steps:
            \(lines.joined(separator: "\n"))
              quiet: { from: "20:00", until: "08:00" }
              calendar: test

            """
    }

    static var calendarFile: String {
        let days = holidays.sorted().map { "  \(date($0)): a holiday" }.joined(separator: "\n")
        return """
            version: 1
            country: KH
            source: { text: "a test", date: 2026-01-01 }
            until: 2027-12-31
            closed:
            \(days)

            """
    }

    /// YYYY-MM-DD.
    static func date(_ day: Int) -> String { "2026-03-\(day < 9 ? "0" : "")\(day + 1)" }

    /// As SQL reads it.
    static func instant(_ moment: Minute) -> String {
        "(timestamp '2026-03-01' + \(moment) * interval '1 minute') at time zone 'Asia/Phnom_Penh'"
    }
}
