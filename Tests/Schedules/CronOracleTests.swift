import CivilTime
import Foundation
import Schedules
import Testing

/// Random numbers that a seed repeats.
///
/// The seed is printed; `BURSAR_TEST_SEED` sets it.
private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ name: String) {
        let given = ProcessInfo.processInfo.environment["BURSAR_TEST_SEED"].flatMap { UInt64($0) }
        let seed = given ?? UInt64.random(in: 1...UInt64(UInt32.max))
        print("\(name): seed \(seed)")
        state = seed
        for byte in name.utf8 { state = state &* 31 &+ UInt64(byte) }
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// A random expression that knows its own meaning, by plain sets and questions.
private struct RandomCron {
    var texts: [String] = []
    var minutes: Set<Int> = []
    var hours: Set<Int> = []
    var months: Set<Int> = []
    var dayOfMonth: (CivilDate) -> Bool = { _ in true }
    var dayOfWeek: (CivilDate) -> Bool = { _ in true }

    var text: String { texts.joined(separator: " ") }
    var isFixed: Bool { !texts[0].hasPrefix("*") && !texts[1].hasPrefix("*") }

    init(_ random: inout SeededGenerator) {
        minutes = set(0...59, &random)
        hours = set(0...23, &random)
        if Int.random(in: 0..<6, using: &random) == 0 {
            let isWorkday = Bool.random(using: &random)
            texts.append(isWorkday ? "LW" : "L")
            dayOfMonth = { date in isWorkday ? Self.isLastWorkday(date) : date.adding(days: 1).month != date.month }
        } else {
            let days = set(1...31, &random)
            dayOfMonth = { days.contains($0.day) }
        }
        months = set(1...12, &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0:
            let (weekday, n) = (Int.random(in: 0...7, using: &random), Int.random(in: 1...5, using: &random))
            texts.append("\(weekday)#\(n)")
            dayOfWeek = { $0.isoWeekday % 7 == weekday % 7 && ($0.day - 1) / 7 + 1 == n }
        case 1:
            let weekday = Int.random(in: 0...7, using: &random)
            texts.append("\(weekday)L")
            dayOfWeek = { $0.isoWeekday % 7 == weekday % 7 && $0.adding(days: 7).month != $0.month }
        default:
            let weekdays = set(0...7, &random)
            dayOfWeek = { weekdays.contains($0.isoWeekday) || weekdays.contains($0.isoWeekday % 7) }
        }
    }

    private static func isLastWorkday(_ date: CivilDate) -> Bool {
        guard date.isoWeekday <= 5 else { return false }
        var later = date.adding(days: 1)
        while later.month == date.month {
            if later.isoWeekday <= 5 { return false }
            later = later.adding(days: 1)
        }
        return true
    }

    /// Appends a field's text and returns its values.
    private mutating func set(_ range: ClosedRange<Int>, _ random: inout SeededGenerator) -> Set<Int> {
        var terms: [String] = []
        var values: Set<Int> = []
        for _ in 0..<(Bool.random(using: &random) ? 1 : Int.random(in: 1...3, using: &random)) {
            let step = Int.random(in: 1...7, using: &random)
            let low = Int.random(in: range, using: &random)
            let high = Int.random(in: low...range.upperBound, using: &random)
            switch Int.random(in: 0..<7, using: &random) {
            case 0, 1, 2: (terms, values) = (terms + ["*"], values.union(range))
            case 3:
                terms.append("*/\(step)")
                values.formUnion(stride(from: range.lowerBound, through: range.upperBound, by: step))
            case 4: (terms, values) = (terms + ["\(low)"], values.union([low]))
            case 5: (terms, values) = (terms + ["\(low)-\(high)"], values.union(low...high))
            default:
                // A lone value with a step runs to the field's end.
                terms.append("\(low)-\(high)/\(step)")
                values.formUnion(stride(from: low, through: low == high ? range.upperBound : high, by: step))
            }
        }
        texts.append(terms.joined(separator: ","))
        return values
    }

    /// Whether a clock that shows this minute makes it fire.
    func matches(_ local: Int) -> Bool {
        let time = CivilDateTime(localSeconds: local * 60)
        guard minutes.contains(time.minute), hours.contains(time.hour), months.contains(time.date.month) else {
            return false
        }
        let (month, week) = (dayOfMonth(time.date), dayOfWeek(time.date))
        return texts[2].hasPrefix("*") || texts[4].hasPrefix("*") ? month && week : month || week
    }
}

/// The search against a walk that goes from minute to minute, as the daemon of cron does.
@Suite struct CronOracleTests {
    private static let zones = [
        "UTC", "Asia/Phnom_Penh", "America/New_York", "Europe/Riga", "Europe/Dublin", "Australia/Lord_Howe",
        "Africa/Casablanca", "Pacific/Apia", "America/Santiago", "Asia/Tehran", "America/St_Johns", "Antarctica/Troll",
    ]

    /// Fires from `first` up to `last`, in minutes since the epoch: the clock on the wall is read at every minute,
    /// beginning two days early so that it is known what it has already shown.
    private func walk(_ cron: RandomCron, _ zone: Zone, _ policy: DSTPolicy, _ first: Int, _ last: Int) -> [Int] {
        func shown(_ minute: Int) -> Int {
            zone.localTime(at: Instant(secondsSinceEpoch: minute * 60)).localSeconds / 60
        }
        let beginning = first - 2 * 1_440
        let clock = (beginning...last + 1_440).map(shown)
        let lastShown = Dictionary(zip(clock, beginning...), uniquingKeysWith: max)
        var fires: [Int] = []
        var latest = clock[0]
        for minute in beginning + 1...last {
            let now = clock[minute - beginning]
            let isRepeated = now <= latest
            var isDue = cron.matches(now)
            if cron.isFixed {
                let comesAgain = lastShown[now, default: 0] > minute
                switch policy.repeated {
                case .first: isDue = isDue && !isRepeated
                case .last: isDue = isDue && !comesAgain
                case .both: break
                }
                if policy.missing == .shift, now > clock[minute - beginning - 1] + 1 {
                    isDue = isDue || (clock[minute - beginning - 1] + 1..<now).contains(where: cron.matches)
                }
            }
            if isDue, minute >= first { fires.append(minute) }
            latest = max(latest, now)
        }
        return fires
    }

    @Test(arguments: zones)
    func `The search finds what a walk from minute to minute finds`(name: String) throws {
        var random = SeededGenerator("Cron walk \(name)")
        let zone = try Zone(named: name)
        let policies = DSTPolicy.Missing.allCases.flatMap { missing in
            DSTPolicy.Repeated.allCases.map { DSTPolicy(missing: missing, repeated: $0) }
        }
        var compared = 0
        while compared < 60 {
            let expected = RandomCron(&random)
            guard let cron = try? Cron(parsing: expected.text) else { continue }
            try #require(cron.isFixedTime == expected.isFixed)
            // Half of the walks meet a change of the clock; minutes count from the epoch.
            var first = Int.random(in: 20_000_000...32_000_000, using: &random)
            if Bool.random(using: &random),
                let change = zone.nextTransition(after: Instant(secondsSinceEpoch: first * 60))
            {
                first = change.at.secondsSinceEpoch / 60 - Int.random(in: -120...1_500, using: &random)
            }
            let last = first + 2_880
            let policy = policies.randomElement(using: &random)
            let wanted = walk(expected, zone, policy ?? DSTPolicy(missing: .shift, repeated: .first), first, last)
            let after = Instant(secondsSinceEpoch: first * 60).adding(.microseconds(-1))
            let found = cron.fires(after: after, in: zone, dst: policy, count: wanted.count + 1)
            let inTime = found.map { $0.secondsSinceEpoch / 60 }.filter { $0 <= last }
            try #require(
                inTime == wanted,
                "\(expected.text) in \(name) from minute \(first), \(String(describing: policy))"
            )
            compared += 1
        }
    }
}
