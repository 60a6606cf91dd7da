import CivilTime
import Schedules
import Testing

@Suite struct CronParserTests {
    @Test(arguments: [
        ("60 * * * *", 1, "minute 60 is out of range", "write a minute from 0 to 59"),
        ("* * * foo *", 7, "\"foo\" is no month", "write a month from 1 to 12, or a name from JAN to DEC"),
        ("*/0 * * * *", 3, "\"0\" is no step", "write a whole number from 1 after the slash, as in */15"),
        ("*/ * * * *", 3, "\"\" is no step", "write a whole number from 1 after the slash, as in */15"),
        ("0 9-5 * * *", 3, "the range 9-5 runs backwards", "write the smaller hour first, or two ranges with a comma"),
        (
            "0 0 * * FRI-SUN", 9, "the range FRI-SUN runs backwards",
            "write 7 for a Sunday at the end of a range, as in 5-7"
        ),
        ("1,,2 * * * *", 3, "a minute is missing beside the comma", "write a minute from 0 to 59"),
        ("1, * * * *", 3, "a minute is missing beside the comma", "write a minute from 0 to 59"),
        ("0 0 ? * *", 5, "\"?\" is no day-of-month", "write * instead"),
        (
            "0 0 * * MONL", 9, "\"MONL\" is no last weekday of a month",
            "write a number from 0 to 7 before the L, as in 5L for the last Friday"
        ),
        (
            "0 0 * * 1#6", 11, "after # stands which one of the month's weekdays is meant",
            "write a number from 1 to 5, as in MON#2"
        ),
        (
            "0 0 30 2 *", 5, "it never fires, since none of its months has such a day",
            "write days that the months have, or L for a month's last day"
        ),
        (
            "0 0 1 1 * 2026", 11, "there are 6 fields",
            "write five: minute hour day-of-month month day-of-week, as in \"5 0 * * *\" (there is no field for seconds or years)"
        ),
        (
            "@dayly", 1, "\"@dayly\" is no name of a time",
            "write @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually alone, or five fields"
        ),
        (
            "@reboot", 1, "@reboot is no time",
            "write @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually alone, or five fields"
        ),
    ])
    func `A refusal says where, what and what to write`(
        expression: String,
        column: Int,
        problem: String,
        remedy: String
    ) {
        let error = #expect(throws: CronError.self) { try Cron(parsing: expression) }
        #expect(error?.column == column)
        #expect(error?.problem == problem)
        #expect(error?.remedy == remedy)
        #expect(error?.description == "cron expression \"\(expression)\", column \(column): \(problem); \(remedy)")
    }

    @Test(arguments: [
        "  ", "@", "@daily x", "* * * * * *", "- * * * *", "1- * * * *", "1-2-3 * * * *", "1/2/3 * * * *", "/5 * * * *",
        "*5 * * * *", "*-5 * * * *", "1-* * * * *", "+1 * * * *", "0x1 * * * *", "٣ * * * *", "1\u{a0}* * * * *",
        "99999999999999999999 * * * *", "* * * JAN-FOO *", "* * * * 5L-6", "* * * * 5L#1", "* * * * 5L/3", "* * * * L",
        "* * * * 1#0", "* * * * #1", "* * * * 1##1", "* * L/2 * *", "* * L-3 * *", "* * 15W * *", "* * W * *",
        "* L * * *",
        "* * * L *", "1#1 * * * *", "* * 31 4,6,9,11 *", "* * 30-31 FEB *", "0 0 */100 * MON#4", "0 0 31 2 */2",
        "0 0 * 2 *,\u{1F4C5}",
    ])
    func `What is no expression, or never fires, is refused`(expression: String) {
        #expect(throws: CronError.self) { try Cron(parsing: expression) }
    }

    @Test(arguments: [
        ("@hourly", "0 * * * *"), ("@daily", "0 0 * * *"), ("@Midnight", "0 0 * * *"), ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"), ("@yearly", "0 0 1 1 *"), ("@annually", "0 0 1 1 *"),
        ("0 0 * * SUN", "0 0 * * 7"), ("0 0 * * sun-tue", "0 0 * * 0-2"), ("0 0 * jan,Mar-MAY *", "0 0 * 1,3,4,5 *"),
        ("05 07 * * *", "5 7 * * *"), ("\t5  0 * * * \n", "5 0 * * *"), ("5/15 * * * *", "5,20,35,50 * * * *"),
        ("0-10/4 * * * *", "0,4,8 * * * *"), ("7-7/20 * * * *", "7,27,47 * * * *"),
        ("0 0 * * MON/2", "0 0 * * 1,3,5,7"),
        ("0 0 * * */7", "0 0 * * */7,0"), ("0 0 l * *", "0 0 L * *"), ("0 0 LW,lw * *", "0 0 lw * *"),
        ("0 0 * * 7L", "0 0 * * 0L"), ("0 0 * * tue#2", "0 0 * * 2#2"), ("0 0 * * 1-7", "0 0 * * 0-6"),
    ])
    func `Two ways of writing the same times fire alike`(expression: String, other: String) throws {
        let after = try #require(Instant("2026-01-15T10:20:30Z"))
        let fires = try Cron(parsing: expression).fires(after: after, in: .utc, count: 100)
        #expect(try Cron(parsing: other).fires(after: after, in: .utc, count: 100) == fires)
    }

    @Test(arguments: [
        // Both must match where one begins with a star.
        ("0 0 */2 * 1", "2026-06-01 2026-06-15 2026-06-29"), ("0 0 1-7 * */7", "2026-06-07 2026-07-05 2026-08-02"),
        ("0 0 *,3 * 1", "2026-06-01 2026-06-08 2026-06-15"),
        ("0 0 */100,1-7 * MON", "2026-06-01 2026-07-06 2026-08-03"),
        // Else either will do.
        ("0 0 13 * 5", "2026-06-05 2026-06-12 2026-06-13"), ("0 0 L * 5", "2026-06-05 2026-06-12 2026-06-19"),
        ("0 0 30 2 1", "2027-02-01 2027-02-08 2027-02-15"), ("0 0 1-31/2 * 1", "2026-06-01 2026-06-03 2026-06-05"),
        // The special days.
        ("0 0 L * *", "2026-06-30 2026-07-31 2026-08-31"), ("0 0 L 2 *", "2027-02-28 2028-02-29 2029-02-28"),
        ("0 0 LW * *", "2026-06-30 2026-07-31 2026-08-31"), ("0 0 LW 5 *", "2027-05-31 2028-05-31 2029-05-31"),
        ("0 0 LW 2 *", "2027-02-26 2028-02-29 2029-02-28"), ("0 0 1,L 2 *", "2027-02-01 2027-02-28 2028-02-01"),
        ("0 0 * * 5L", "2026-06-26 2026-07-31 2026-08-28"), ("0 0 * * 1#5", "2026-06-29 2026-08-31 2026-11-30"),
        ("0 0 * 2 1#5", "2044-02-29 2072-02-29 2112-02-29"), ("0 0 29 2 *", "2028-02-29 2032-02-29 2036-02-29"),
        ("0 0 */28 2 MON", "2027-02-01 2038-02-01 2044-02-01"), ("0 0 * * 0#1,3L", "2026-06-07 2026-06-24 2026-07-05"),
    ])
    func `Days of month and of week combine as in Debian's cron`(expression: String, dates: String) throws {
        let after = try #require(Instant("2026-05-31T12:00:00Z"))
        let fires = try Cron(parsing: expression).fires(after: after, in: .utc, count: 3)
        #expect(fires.map { Zone.utc.localDate(at: $0).description }.joined(separator: " ") == dates)
    }

    @Test(arguments: [
        ("5 0 * * *", true), ("0-59 0-23 * * *", true), ("*/5 0 * * *", false), ("5 */2 * * *", false),
        ("@daily", true), ("@hourly", false),
    ])
    func `A time is fixed where neither minute nor hour begins with a star`(expression: String, isFixed: Bool) throws {
        #expect(try Cron(parsing: expression).isFixedTime == isFixed)
    }

    @Test func `Fires come strictly after the instant, and end with the year 9999`() throws {
        let cron = try Cron(parsing: "30 12 * * *")
        let fire = try #require(Instant("2026-06-01T12:30:00Z"))
        #expect(cron.next(after: fire.adding(.microseconds(-1)), in: .utc) == fire)
        #expect(cron.next(after: fire, in: .utc) == fire.adding(.seconds(86_400)))
        #expect(cron.fires(after: fire, in: .utc, count: 0).isEmpty)
        #expect(cron.fires(after: fire, in: .utc, count: -1).isEmpty)
        let last = try #require(Instant("9999-12-30T12:29:59Z"))
        #expect(
            cron.fires(after: last, in: .utc, count: 8).map(\.description) == [
                "9999-12-30T12:30:00Z", "9999-12-31T12:30:00Z",
            ]
        )
        #expect(cron.next(after: Instant(microsecondsSinceEpoch: .max), in: .utc) == nil)
        #expect(cron.next(after: Instant(microsecondsSinceEpoch: .min), in: .utc) != nil)
    }
}
