import CivilTime
import Testing

/// Hours at which nobody is disturbed, and when they end.
@Suite struct QuietHoursTests {
    private static func hours(_ from: Int, _ until: Int) throws -> QuietHours {
        try #require(QuietHours(from: from * 60, until: until * 60))
    }

    private static func instant(_ text: String) throws -> Instant { try #require(Instant(text)) }

    @Test("They may reach over midnight; their first minute is quiet, and the one at which they end is not")
    func wrap() throws {
        let night = try Self.hours(20, 8)
        let quiet = (0..<1440).filter { night.isQuiet($0) }
        #expect(quiet == Array(0..<480) + Array(1200..<1440))
        let noon = try Self.hours(12, 14)
        #expect((0..<1440).filter { noon.isQuiet($0) } == Array(720..<840))
        #expect(QuietHours.nightly == night)
    }

    @Test(
        "A window that ends where it begins, or at no minute of a day, is none",
        arguments: [(0, 0), (480, 480), (-1, 5), (5, 1440)]
    )
    func none(_ from: Int, _ until: Int) {
        #expect(QuietHours(from: from, until: until) == nil)
    }

    @Test("Open hours end after they begin, on the same day", arguments: [(540, 540), (960, 540), (0, 1440), (-1, 5)])
    func noOpenHours(_ from: Int, _ until: Int) {
        #expect(OpenHours(from: from, until: until) == nil)
        #expect(OpenHours.office.contains(540) && !OpenHours.office.contains(960))
    }

    @Test(
        "What comes in quiet hours waits until the clock on the wall shows their end",
        arguments: [
            // The clock goes from 03:00 to 04:00: the end of the window is skipped, and waiting ends with the gap.
            ("Europe/Riga", 23 * 60, 3 * 60 + 30, "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z"),
            // It shows 03:00 to 04:00 twice: what is quiet is quiet both times.
            ("Europe/Riga", 23 * 60, 3 * 60 + 30, "2026-10-25T00:10:00Z", "2026-10-25T00:30:00Z"),
            ("Europe/Riga", 23 * 60, 3 * 60 + 30, "2026-10-25T01:10:00Z", "2026-10-25T01:30:00Z"),
            ("Asia/Phnom_Penh", 20 * 60, 8 * 60, "2026-04-14T13:00:00Z", "2026-04-15T01:00:00Z"),
            ("Asia/Phnom_Penh", 20 * 60, 8 * 60, "2026-04-14T12:59:59.999999Z", "2026-04-14T12:59:59.999999Z"),
            // Half an hour, forwards: 02:00 becomes 02:30.
            ("Australia/Lord_Howe", 22 * 60, 2 * 60 + 15, "2026-10-03T15:00:00Z", "2026-10-03T15:30:00Z"),
            ("Asia/Kathmandu", 20 * 60, 8 * 60, "2026-01-01T00:00:00.5Z", "2026-01-01T02:15:00Z"),
        ]
    )
    func opening(_ zone: String, _ from: Int, _ until: Int, _ asked: String, _ opens: String) throws {
        let quiet = try #require(QuietHours(from: from, until: until))
        let opening = quiet.opening(after: try Self.instant(asked), in: try Zone(named: zone))
        #expect(opening == (try Self.instant(opens)))
    }

    @Test("At the end of all time nothing waits for ever")
    func end() throws {
        let last = Instant(microsecondsSinceEpoch: .max)
        for minute in [0, 700] {
            let quiet = try #require(QuietHours(from: minute, until: (minute + 1439) % 1440))
            #expect(quiet.opening(after: last, in: .utc) == last)
        }
    }
}
