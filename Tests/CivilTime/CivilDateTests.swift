import CivilTime
import Testing

/// A calendar that knows nothing but how to go to the next day.
struct DayWalker {
    var year: Int
    var month = 1
    var day = 1

    static func length(_ month: Int, _ year: Int) -> Int {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        default: 31
        }
    }

    mutating func step() {
        day += 1
        guard day > Self.length(month, year) else { return }
        day = 1
        month += 1
        guard month > 12 else { return }
        month = 1
        year += 1
    }
}

@Suite struct CivilDateTests {
    @Test func `Walking day by day through eight hundred years meets every date in its place`() throws {
        var walker = DayWalker(year: 1600)
        // 1 January 1600 was a Saturday, 135,140 days before 1970.
        for number in -135_140..<157_054 {
            let date = CivilDate(daysSinceEpoch: number)
            try #require(date.components == (walker.year, walker.month, walker.day), "day \(number)")
            try #require(date.isoWeekday == (number + 135_140 + 5) % 7 + 1)
            try #require(CivilDate(year: walker.year, month: walker.month, day: walker.day) == date)
            walker.step()
        }
        #expect(walker.year == 2400 && walker.month == 1 && walker.day == 1)
    }

    @Test(arguments: ["2026-01-31", "2024-02-29", "0001-01-01", "9999-12-31", "1970-01-01"])
    func `A date reads back what it prints`(text: String) {
        #expect(CivilDate(text)?.description == text)
    }

    @Test(arguments: [
        "2026-02-29", "2026-13-01", "2026-00-10", "2026-01-32", "2026-1-1", "26-01-01", " 2026-01-01", "2026-01-01 ",
        "2026-01-01T00:00:00Z", "2026/01/01", "", "2026-01", "-026-01-01", "2026-01-+1", "0000-01-01", "２０２６-01-01",
    ])
    func `What is no date of the strict form is refused`(text: String) {
        #expect(CivilDate(text) == nil)
    }

    @Test(arguments: [
        ("2026-01-31", 1, "2026-02-28"), ("2024-01-31", 1, "2024-02-29"), ("2026-03-31", -1, "2026-02-28"),
        ("2026-12-15", 1, "2027-01-15"), ("2026-01-15", -13, "2024-12-15"), ("2024-02-29", 12, "2025-02-28"),
    ])
    func `Adding months keeps the day or takes the last one there is`(from: String, months: Int, to: String) {
        #expect(CivilDate(from)?.adding(months: months).description == to)
    }

    @Test func `Arithmetic that leaves the calendar stops at its ends`() throws {
        let date = try #require(CivilDate("2026-01-31"))
        for huge in [Int.max, 1 << 40, 4_000_000] {
            #expect(date.adding(days: huge) == .latest)
            #expect(date.adding(days: -huge) == .earliest)
            #expect(date.adding(months: huge) == .latest)
            #expect(date.adding(months: -huge) == .earliest)
            #expect(CivilDate(daysSinceEpoch: -huge) == .earliest)
        }
        #expect(CivilDate.earliest.description == "0001-01-01" && CivilDate.latest.description == "9999-12-31")
    }
}
