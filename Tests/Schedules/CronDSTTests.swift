import CivilTime
import Schedules
import Testing

/// How expressions cross the nights on which the clock changes.
///
/// Riga 2021: 28 March 03:00 becomes 04:00 (01:00 UTC), 31 October 04:00 becomes 03:00 (01:00 UTC).
@Suite struct CronDSTTests {
    private static let spring = "2021-03-28T00:00:30Z"
    private static let autumn = "2021-10-30T22:59:59Z"

    private func fires(
        _ expression: String,
        _ zone: String,
        after: String,
        dst: DSTPolicy? = nil,
        count: Int
    ) throws -> [String] {
        let start = try #require(Instant(after))
        let fires = try Cron(parsing: expression).fires(
            after: start,
            in: Zone(named: zone),
            dst: dst,
            count: count
        )
        return fires.map { String($0.description.dropFirst(5).dropLast(4)) }
    }

    @Test(arguments: [
        ("30 3 * * *", "03-28T01:00 03-29T00:30"), ("0 3 * * *", "03-28T01:00 03-29T00:00"),
        ("15,30,45 3 * * *", "03-28T01:00 03-29T00:15"), ("0,30 2-5 * * *", "03-28T00:30 03-28T01:00 03-28T01:30"),
        ("0 3,4 * * *", "03-28T01:00 03-29T00:00"), ("0 */2 * * *", "03-28T01:00 03-28T03:00"),
        ("30 * * * *", "03-28T00:30 03-28T01:30"), ("*/20 3 * * *", "03-29T00:00 03-29T00:20"),
        ("@daily", "03-28T21:00 03-29T21:00"),
    ])
    func `In spring a fixed time runs right after the gap, wildcards follow real time`(
        expression: String,
        expected: String
    ) throws {
        let times = expected.split(separator: " ").map(String.init)
        #expect(try fires(expression, "Europe/Riga", after: Self.spring, count: times.count) == times)
    }

    @Test(arguments: [
        ("30 3 * * *", "10-31T00:30 11-01T01:30"), ("0 2,3,4 * * *", "10-30T23:00 10-31T00:00 10-31T02:00"),
        ("0 */3 * * *", "10-31T00:00 10-31T01:00 10-31T04:00"),
        ("*/30 3 * * *", "10-31T00:00 10-31T00:30 10-31T01:00 10-31T01:30 11-01T01:00"),
        ("45 * * * *", "10-30T23:45 10-31T00:45 10-31T01:45 10-31T02:45"),
    ])
    func `In autumn a fixed time runs once, wildcards follow real time`(expression: String, expected: String) throws {
        let times = expected.split(separator: " ").map(String.init)
        #expect(try fires(expression, "Europe/Riga", after: Self.autumn, count: times.count) == times)
    }

    @Test(arguments: [
        (DSTPolicy.Missing.shift, "03-28T01:00 03-29T00:30"), (.skip, "03-29T00:30 03-30T00:30"),
    ])
    func `A policy says whether a skipped time is made up for`(missing: DSTPolicy.Missing, expected: String) throws {
        for repeated in DSTPolicy.Repeated.allCases {
            let policy = DSTPolicy(missing: missing, repeated: repeated)
            let times = try fires("30 3 * * *", "Europe/Riga", after: Self.spring, dst: policy, count: 2)
            #expect(times.joined(separator: " ") == expected)
        }
    }

    @Test(arguments: [
        (DSTPolicy.Repeated.first, "10-31T00:00 10-31T00:30 10-31T02:00"),
        (.last, "10-31T01:00 10-31T01:30 10-31T02:00"),
        (.both, "10-31T00:00 10-31T00:30 10-31T01:00 10-31T01:30 10-31T02:00"),
    ])
    func `A policy says which of two equal times counts`(repeated: DSTPolicy.Repeated, expected: String) throws {
        for missing in DSTPolicy.Missing.allCases {
            let policy = DSTPolicy(missing: missing, repeated: repeated)
            let times = expected.split(separator: " ").map(String.init)
            #expect(
                try fires(
                    "0,30 3,4 * * *",
                    "Europe/Riga",
                    after: "2021-10-30T23:00:00Z",
                    dst: policy,
                    count: times.count
                ) == times
            )
        }
    }

    @Test func `No policy touches a wildcard time`() throws {
        for missing in DSTPolicy.Missing.allCases {
            for repeated in DSTPolicy.Repeated.allCases {
                let policy = DSTPolicy(missing: missing, repeated: repeated)
                for after in [Self.spring, Self.autumn] {
                    let plain = try fires("*/15 3-5 * * *", "Europe/Riga", after: after, count: 12)
                    #expect(try fires("*/15 3-5 * * *", "Europe/Riga", after: after, dst: policy, count: 12) == plain)
                }
            }
        }
    }

    @Test func `An instant inside the repeated hour never leads to a fire before it`() throws {
        #expect(try fires("30 3 * * *", "Europe/Riga", after: "2021-10-31T01:10:00Z", count: 1) == ["11-01T01:30"])
        let last = DSTPolicy(missing: .shift, repeated: .last)
        #expect(
            try fires("30 3 * * *", "Europe/Riga", after: "2021-10-31T00:40:00Z", dst: last, count: 1) == [
                "10-31T01:30"
            ]
        )
    }

    @Test func `Gaps of half an hour, at midnight and of a whole day are crossed by the same rule`() throws {
        // Lord Howe 2026-10-04: 02:00 becomes 02:30 (15:30 UTC the day before).
        #expect(
            try fires("15 2 * * *", "Australia/Lord_Howe", after: "2026-10-03T12:00:00Z", count: 2) == [
                "10-03T15:30", "10-04T15:15",
            ]
        )
        #expect(
            try fires("0 */3 * * *", "Australia/Lord_Howe", after: "2026-10-03T14:00:00Z", count: 1) == ["10-03T16:00"]
        )
        // Santiago 2022-09-11: 00:00 becomes 01:00 (04:00 UTC).
        #expect(
            try fires("0 0 * * *", "America/Santiago", after: "2022-09-10T12:00:00Z", count: 2) == [
                "09-11T04:00", "09-12T03:00",
            ]
        )
        #expect(
            try fires("* */6 * * 0", "America/Santiago", after: "2022-09-10T12:00:00Z", count: 1) == ["09-11T09:00"]
        )
        // Apia had no 30 December 2011; at 10:00 UTC the 31st began.
        #expect(
            try fires("0 12 * * *", "Pacific/Apia", after: "2011-12-30T00:00:00Z", count: 2) == [
                "12-30T10:00", "12-30T22:00",
            ]
        )
    }

    @Test func `Rare days are found across decades of clock changes`() throws {
        #expect(
            try fires("30 2 * 3 0#5", "America/New_York", after: "2026-04-01T00:00:00Z", count: 3).first
                == "03-31T06:30"
        )
        let start = try #require(Instant("2026-01-01T00:00:00Z"))
        let leap = try Cron(parsing: "0 0 * 2 1#5").next(after: start, in: Zone(named: "America/New_York"))
        #expect(leap?.description == "2044-02-29T05:00:00Z")
    }
}
