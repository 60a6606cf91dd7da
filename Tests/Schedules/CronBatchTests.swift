import Schedules
import Testing

@Suite struct CronBatchTests {
    @Test(arguments: [
        #"{"expr": "0 0 1 * *", "zone": "Asia/Phnom_Penh", "after": "2026-01-15T00:00:00Z"}"#,
        #"{"after":"2026-01-15T07:00:00+07:00","zone":"Asia/Phnom_Penh","expr":"0 0 1 * *"}"#,
        #"{"expr": "0 0 1 \u002a *", "zone": "Asia\/Phnom_Penh", "after": "2026-01-15T00:00:00Z", "more": [1, {}]}"#,
    ])
    func `A line is answered with eight fires in UTC`(line: String) {
        let months = ["01-31", "02-28", "03-31", "04-30", "05-31", "06-30", "07-31", "08-31"]
        let fires = months.map { "\"2026-\($0)T17:00:00Z\"" }.joined(separator: ",")
        #expect(cronNextJSONLine(line) == "{\"fires\":[\(fires)]}")
    }

    @Test func `An expression with fewer fires left is answered with those`() {
        let line = #"{"expr": "0 0 1 1 *", "zone": "UTC", "after": "9997-06-01T00:00:00Z"}"#
        #expect(cronNextJSONLine(line) == #"{"fires":["9998-01-01T00:00:00Z","9999-01-01T00:00:00Z"]}"#)
    }

    @Test func `A line may name a policy for clock changes`() {
        let line = #"""
            {"expr": "30 3 28 3 *", "zone": "Europe/Riga", "after": "2021-03-01T00:00:00Z", "dst": {"missing": "skip", "repeated": "first"}}
            """#
        #expect(cronNextJSONLine(line).hasPrefix(#"{"fires":["2022-03-28T00:30:00Z","#))
    }

    @Test(arguments: [
        (#"{"expr": "60 * * * *"}"#, #"cron expression \"60 * * * *\", column 1: minute 60 is out of range"#),
        (#"{"expr": "", "zone": "UTC", "after": "2026-01-01T00:00:00Z"}"#, "there is nothing in it"),
        (#"{"expr": "* * * * *", "zone": "Mars/Base", "after": "2026-01-01T00:00:00Z"}"#, "there is no time zone"),
        (#"{"expr": "* * * * *", "zone": "UTC"}"#, #"\"after\" must be an instant"#),
        (#"{"expr": "* * * * *", "zone": "UTC", "after": "soon"}"#, #"\"after\" must be an instant"#),
        (#"{"zone": "UTC", "after": "2026-01-01T00:00:00Z"}"#, "the line is no JSON object"),
        (#"{"expr": 5, "zone": "UTC", "after": "2026-01-01T00:00:00Z"}"#, "the line is no JSON object"),
        ("{\"expr\": \"* * * * *\"", "the line is no JSON object"), ("", "the line is no JSON object"),
        (#"{"expr": "\u0001\n\\ * * * *", "zone": "UTC", "after": "x"}"#, #"\u0001\u000a\\"#),
    ])
    func `A line that cannot be answered is answered with the error`(line: String, part: String) {
        let answer = cronNextJSONLine(line)
        #expect(answer.hasPrefix("{\"error\":\"") && answer.hasSuffix("\"}"))
        #expect(answer.contains(part))
    }

    @Test func `The measuring loop finds as many fires as it is asked for`() throws {
        let figure = try CronBench().run(fires: 5_000)
        #expect(figure.fires == 5_000)
        #expect(figure.perSecond > 0 && figure.checksum > 0)
    }
}
