import Glibc
import Logging
import Telemetry
import Testing

@Suite("Log lines")
struct LogLineTests {
    private let line = LogLine(
        level: .warning,
        label: "engine",
        message: "run failed\nbadly",
        metadata: [("module", "renewals"), ("reason", "it \"broke\""), ("token", "hunter2")],
        time: timespec(tv_sec: 1_767_225_600, tv_nsec: 7_000_000)
    )

    @Test("The journal gets its priority and no time")
    func journal() {
        #expect(
            line.text(.journal)
                == #"<4>run failed\nbadly module=renewals reason="it \"broke\"" token=[redacted]"#
        )
    }

    @Test("A person gets the time and the level in words")
    func human() {
        #expect(line.text(.human).hasPrefix("00:00:00 warning run failed"))
        #expect(line.text(.human, colours: true).contains("\u{1B}[33mwarning\u{1B}[0m"))
    }

    @Test("Machines get one JSON object a line")
    func json() {
        #expect(
            line.text(.json)
                == #"{"ts":"2026-01-01T00:00:00.007Z","level":"warning","logger":"engine","#
                + #""message":"run failed\nbadly","module":"renewals","reason":"it \"broke\"","token":"[redacted]"}"#
        )
    }

    @Test("No form shows a secret's value or breaks the line", arguments: LogFormat.allCases)
    func secrets(_ format: LogFormat) {
        #expect(!line.text(format).contains("hunter2"))
        #expect(!line.text(format).contains("\n"))
    }
}
