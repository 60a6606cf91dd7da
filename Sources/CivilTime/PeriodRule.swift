/// The unit in which a subscription's periods are counted.
package enum PeriodUnit: String, Hashable, Sendable, CaseIterable, Codable {
    case day, week, month, year
}

/// What a monthly or yearly boundary does in a month that is shorter than the anchor's day.
package enum DayPolicy: String, Hashable, Sendable, CaseIterable, Codable {
    /// The anchor's day, or the month's last one where it is shorter: 30 November, 28 February, 30 May.
    case sameDayClamped = "same_day_clamped"
    /// Anchored at a month's end, always the month's end: 30 November, 28 February, 31 May. Anchored on any other day
    /// it is the same as `sameDayClamped`.
    case lastDay = "last_day"
}

/// Where a subscription's periods begin and end, as local dates: period k is boundary k up to, not including,
/// boundary k + 1.
///
/// Boundary k is computed from the anchor, never from boundary k - 1: stepping would turn 31 January into the 28th for
/// ever. With `sameDayClamped` it equals PostgreSQL's `anchor + k * count * interval`.
package struct PeriodRule: Hashable, Sendable {
    package let anchor: CivilDate
    package let unit: PeriodUnit
    /// Units in one period, at least 1.
    package let count: Int
    package let dayPolicy: DayPolicy

    /// A rule; a count below 1 is taken as 1.
    package init(anchor: CivilDate, unit: PeriodUnit, count: Int = 1, dayPolicy: DayPolicy = .sameDayClamped) {
        self.anchor = anchor
        self.unit = unit
        self.count = max(1, count)
        self.dayPolicy = dayPolicy
    }

    /// The first day of period k; k may be negative.
    package func boundary(_ k: Int) -> CivilDate {
        let (units, overflow) = k.multipliedReportingOverflow(by: count)
        guard !overflow else { return k < 0 ? .earliest : .latest }
        switch unit {
        case .day: return anchor.adding(days: units)
        case .week: return scaled(units, by: 7) { anchor.adding(days: $0) }
        case .month: return monthBoundary(units)
        case .year: return scaled(units, by: 12, monthBoundary)
        }
    }

    /// The days of period k.
    package func period(_ k: Int) -> Range<CivilDate> {
        let start = boundary(k)
        return start..<max(start, boundary(k + 1))
    }

    /// The k whose period contains the date.
    package func index(containing date: CivilDate) -> Int {
        var k = estimate(date)
        while boundary(k) > date, boundary(k) != .earliest { k -= 1 }
        while boundary(k + 1) <= date, boundary(k + 1) != .latest { k += 1 }
        return k
    }

    private func monthBoundary(_ months: Int) -> CivilDate {
        dayPolicy == .lastDay && anchor.isEndOfMonth
            ? anchor.endOfMonth(addingMonths: months) : anchor.adding(months: months)
    }

    private func scaled(_ units: Int, by factor: Int, _ date: (Int) -> CivilDate) -> CivilDate {
        let (product, overflow) = units.multipliedReportingOverflow(by: factor)
        return overflow ? (units < 0 ? .earliest : .latest) : date(product)
    }

    /// The index up to one too high or too low, since days of the month are not looked at.
    private func estimate(_ date: CivilDate) -> Int {
        switch unit {
        case .day: return CivilCalendar.floorDivide(anchor.days(to: date), count)
        case .week: return CivilCalendar.floorDivide(CivilCalendar.floorDivide(anchor.days(to: date), 7), count)
        case .month, .year:
            let (from, to) = (anchor.components, date.components)
            let months = (to.year - from.year) * 12 + to.month - from.month
            let units = unit == .month ? months : CivilCalendar.floorDivide(months, 12)
            return CivilCalendar.floorDivide(units, count)
        }
    }
}
