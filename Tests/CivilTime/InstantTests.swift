import CivilTime
import Testing

@Suite struct InstantTests {
    @Test(arguments: [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), ("2026-01-01t07:00:00+07:00", "2026-01-01T00:00:00Z"),
        ("2026-01-01 00:00:00+00", "2026-01-01T00:00:00Z"), ("1969-12-31 23:59:59.5+00", "1969-12-31T23:59:59.5Z"),
        ("2026-01-01 05:30:00.123456+0530", "2026-01-01T00:00:00.123456Z"),
        ("1880-01-01 06:59:40+06:59:40", "1880-01-01T00:00:00Z"), ("2026-06-30T23:59:60Z", "2026-07-01T00:00:00Z"),
        ("2026-01-01T00:00:00.1234567Z", "2026-01-01T00:00:00.123456Z"),
        ("2025-12-31T20:00:00.120-04:00", "2026-01-01T00:00:00.12Z"), ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ])
    func `RFC 3339 and PostgreSQL's writing are read, and printed in UTC`(text: String, utc: String) {
        #expect(Instant(text)?.description == utc)
    }

    @Test(arguments: [
        "2026-01-01T00:00:00", "2026-01-01", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T00:00:00+7", "2026-01-01T00:00:00+24:00", "now", "",
        "2026-01-01T00:00:00Z ", "2026-01-01T00:00:00+07:00:", "infinity",
    ])
    func `A text without an offset, or with anything amiss, is no instant`(text: String) {
        #expect(Instant(text) == nil)
    }

    @Test func `Durations are added and measured to the microsecond, before the epoch too`() throws {
        let before = try #require(Instant("1969-12-31T23:59:59.25Z"))
        let after = before.adding(.seconds(2) + .microseconds(750_001))
        #expect(after.description == "1970-01-01T00:00:02.000001Z")
        #expect(before.duration(to: after) == .microseconds(2_750_001))
        #expect(after.duration(to: before) == .microseconds(-2_750_001))
        #expect(after.adding(.microseconds(-2_750_001)) == before)
        #expect(before.secondsSinceEpoch == -1)
    }

    @Test func `Instants beyond the range stop at its ends instead of trapping`() {
        let last = Instant(microsecondsSinceEpoch: .max)
        #expect(last.adding(.seconds(1)) == last)
        #expect(Instant.epoch.adding(.seconds(Int64.max)) == last)
        #expect(Instant.epoch.adding(.seconds(Int64.min)).microsecondsSinceEpoch == .min)
        #expect(Instant(secondsSinceEpoch: .max) == last)
        #expect(last.description == "+294247-01-10T04:00:54.775807Z")
        #expect(Instant(microsecondsSinceEpoch: .min).description.hasPrefix("-290308-12-21T"))
        #expect(Zone.utc.localDate(at: last) == .latest)
    }

    @Test func `An instant prints with the offset of a zone`() throws {
        let instant = try #require(Instant("2026-02-28T17:00:00Z"))
        #expect(try instant.description(in: Zone(named: "Asia/Phnom_Penh")) == "2026-03-01T00:00:00+07:00")
        #expect(try instant.description(in: Zone(named: "America/St_Johns")) == "2026-02-28T13:30:00-03:30")
    }
}
