import CivilTime
import Testing

/// Closed days, and the first instant that is open in every respect.
@Suite struct BusinessCalendarTests {
    private static func day(_ text: String) -> CivilDate { CivilDate(text) ?? .earliest }

    private static func newYear(weekend: Set<Weekday> = []) -> BusinessCalendar {
        let days = ["2026-04-14", "2026-04-15", "2026-04-16"].map { day($0) }
        return BusinessCalendar(
            name: "kh",
            closed: Dictionary(uniqueKeysWithValues: days.map { ($0, "Khmer New Year") }),
            weekend: weekend,
            until: day("2026-12-31")
        )
    }

    @Test("A holiday is closed by its name, and the next open day is the one after the last in a row")
    func holidays() throws {
        let calendar = Self.newYear()
        #expect(calendar.closure(on: Self.day("2026-04-15")) == "Khmer New Year")
        #expect(calendar.isOpen(Self.day("2026-04-13")) && calendar.isOpen(Self.day("2026-04-18")))
        #expect(calendar.nextOpen(Self.day("2026-04-14")) == (Self.day("2026-04-17")))
        #expect(calendar.nextOpen(Self.day("2026-04-17")) == (Self.day("2026-04-17")))
        #expect(calendar.longestClosure == 3)
    }

    @Test("A weekend adds to the holidays beside it")
    func weekends() throws {
        let calendar = Self.newYear(weekend: [.friday, .saturday])
        #expect(calendar.closure(on: Self.day("2026-04-18")) == "saturday")
        #expect(calendar.nextOpen(Self.day("2026-04-14")) == (Self.day("2026-04-19")))
        #expect(calendar.longestClosure == 5)
        #expect(
            BusinessCalendar(name: "w", closed: [:], weekend: [.sunday, .monday], until: .latest).longestClosure == 2
        )
        #expect(BusinessCalendar.alwaysOpen.longestClosure == 0)
    }

    @Test("With every day of the week a weekend, none is: nothing waits for ever")
    func always() throws {
        let calendar = BusinessCalendar(name: "w", closed: [:], weekend: Set(Weekday.allCases), until: .latest)
        #expect(calendar.isOpen(Self.day("2026-04-18")) && calendar.longestClosure == 0)
    }

    @Test("What falls on a closed day or in quiet hours waits for both, and says what it waited for")
    func both() throws {
        let times = OpenTimes(quiet: .nightly, calendar: Self.newYear())
        let zone = try Zone(named: "Asia/Phnom_Penh")
        func check(_ asked: String, _ opens: String, _ reason: OpenTimes.Delay?) throws {
            let found = times.earliest(at: try #require(Instant(asked)), in: zone)
            #expect(found.instant == Instant(opens) && found.reason == reason, "\(asked): \(found)")
        }
        try check("2026-04-13T09:00:00+07:00", "2026-04-13T09:00:00+07:00", nil)
        try check("2026-04-12T21:00:00+07:00", "2026-04-13T08:00:00+07:00", .quietHours)
        try check("2026-04-13T21:00:00+07:00", "2026-04-17T08:00:00+07:00", .closedDay("Khmer New Year"))
        try check("2026-04-14T12:00:00+07:00", "2026-04-17T08:00:00+07:00", .closedDay("Khmer New Year"))
    }

    @Test("The hours in which something is done open on an open day, by the zone's clock")
    func window() throws {
        let times = OpenTimes(.office, calendar: Self.newYear())
        let zone = try Zone(named: "Asia/Phnom_Penh")
        let late = try #require(Instant("2026-04-13T16:00:00+07:00"))
        #expect(times.earliest(at: late, in: zone).instant == Instant("2026-04-17T09:00:00+07:00"))
        let inTime = late.adding(.seconds(-1))
        #expect(times.earliest(at: inTime, in: zone).instant == inTime)
    }
}
