import CivilTime
import Testing

@Suite struct PeriodRuleTests {
    private static let anchored = """
        month 1 2026-01-31 same_day_clamped: 02-28 03-31 04-30 05-31 06-30 07-31
        month 1 2026-01-31 last_day: 02-28 03-31 04-30 05-31 06-30 07-31
        month 3 2025-11-30 same_day_clamped: 02-28 05-30 08-30 11-30 02-28
        month 3 2025-11-30 last_day: 02-28 05-31 08-31 11-30 02-28
        month 1 2026-02-28 last_day: 03-31 04-30 05-31
        month 1 2026-02-28 same_day_clamped: 03-28 04-28 05-28
        month 1 2026-01-30 last_day: 02-28 03-30 04-30
        year 1 2024-02-29 same_day_clamped: 02-28 02-28 02-28 02-29
        year 1 2023-02-28 last_day: 02-29 02-28 02-28 02-28 02-29
        week 2 2026-12-25 same_day_clamped: 01-08 01-22
        day 10 2024-02-20 same_day_clamped: 03-01 03-11
        """

    @Test(arguments: anchored.split(separator: "\n").map(String.init))
    func `Boundaries are computed from the anchor`(row: String) throws {
        let parts = row.split(separator: ":")
        let words = parts[0].split(separator: " ").map(String.init)
        let rule = PeriodRule(
            anchor: try #require(CivilDate(words[2])),
            unit: try #require(PeriodUnit(rawValue: words[0])),
            count: try #require(Int(words[1])),
            dayPolicy: try #require(DayPolicy(rawValue: words[3]))
        )
        let expected = parts[1].split(separator: " ").map(String.init)
        #expect((1...expected.count).map { String(rule.boundary($0).description.dropFirst(5)) } == expected)
        #expect(rule.boundary(0) == rule.anchor)
    }

    /// The boundary by the plain words of the rule: months are stepped over one by one, and only then is the day set.
    private static func expectedMonthBoundary(_ rule: PeriodRule, months: Int) -> CivilDate? {
        var (year, month, day) = rule.anchor.components
        let isMonthEnd = day == DayWalker.length(month, year)
        for _ in 0..<abs(months) {
            month += months < 0 ? -1 : 1
            if month == 13 { (year, month) = (year + 1, 1) }
            if month == 0 { (year, month) = (year - 1, 12) }
        }
        let length = DayWalker.length(month, year)
        day = rule.dayPolicy == .lastDay && isMonthEnd ? length : min(day, length)
        return CivilDate(year: year, month: month, day: day)
    }

    @Test(arguments: PeriodUnit.allCases, DayPolicy.allCases)
    func `Any rule's boundaries are those of the plain words, and every date lies in exactly one period`(
        unit: PeriodUnit,
        policy: DayPolicy
    ) throws {
        var random = SeededGenerator("PeriodRule \(unit) \(policy)")
        for _ in 0..<2_000 {
            let rule = PeriodRule(
                anchor: CivilDate(daysSinceEpoch: Int.random(in: -20_000...60_000, using: &random)),
                unit: unit,
                count: Int.random(in: 1...14, using: &random),
                dayPolicy: policy
            )
            let k = Int.random(in: -30...60, using: &random)
            let expected: CivilDate? =
                switch unit {
                case .day: rule.anchor.adding(days: k * rule.count)
                case .week: rule.anchor.adding(days: 7 * k * rule.count)
                case .month: Self.expectedMonthBoundary(rule, months: k * rule.count)
                case .year: Self.expectedMonthBoundary(rule, months: 12 * k * rule.count)
                }
            try #require(rule.boundary(k) == expected, "\(rule) k \(k)")
            let period = rule.period(k)
            try #require(!period.isEmpty && period.upperBound == rule.boundary(k + 1))
            let date = period.lowerBound.adding(
                days: Int.random(in: 0..<period.lowerBound.days(to: period.upperBound), using: &random)
            )
            for edge in [date, period.lowerBound, period.upperBound.adding(days: -1)] {
                try #require(rule.index(containing: edge) == k, "\(rule) holds \(edge)")
            }
            try #require(rule.index(containing: period.upperBound) == k + 1)
        }
    }

    @Test func `Wild numbers end at the calendar's ends`() throws {
        let anchor = try #require(CivilDate("2026-01-31"))
        for unit in PeriodUnit.allCases {
            let rule = PeriodRule(anchor: anchor, unit: unit, count: .max, dayPolicy: .lastDay)
            #expect(rule.boundary(2) == .latest && rule.boundary(-2) == .earliest)
            #expect(rule.index(containing: anchor) == 0)
            #expect(PeriodRule(anchor: anchor, unit: unit, count: -3).count == 1)
        }
    }
}
