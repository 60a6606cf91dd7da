import Listener
import Outbound
import Postgres
import Schedules
import Testing

@testable import bursar

@Suite("Errors become words, remedies and exit codes")
struct DescribeErrorTests {
    @Test(
        "A connection that is not made says why, and ends with the code that suits the reason",
        arguments: [
            (
                "connection to server at \"10.0.0.1\", port 5432 failed: Connection refused",
                bursar.ExitStatus.unavailable
            ),
            ("FATAL:  password authentication failed for user \"bursar\"", .notPermitted),
            ("FATAL:  role \"bursar\" does not exist", .notPermitted),
            ("FATAL:  no pg_hba.conf entry for host", .notPermitted),
            ("FATAL:  database \"bursar\" does not exist", .configuration),
            ("FATAL:  the database system is starting up", .unavailable),
            ("FATAL:  sorry, too many clients already", .unavailable),
        ]
    )
    func refusal(_ message: String, _ status: bursar.ExitStatus) {
        let failure = describe(PostgresError(.connectionFailed, message))
        #expect(failure.status == status)
        #expect(failure.remedy != nil)
    }

    @Test(
        "What the server refuses ends with the code that suits its SQLSTATE",
        arguments: [
            ("42501", bursar.ExitStatus.notPermitted), ("28000", .notPermitted), ("BU005", .notPermitted),
            ("53100", .unavailable), ("53300", .unavailable), ("57P01", .unavailable),
            ("42P01", .configuration), ("3F000", .configuration), ("42883", .configuration),
            ("40001", .tryAgain), ("40P01", .tryAgain), ("55P03", .tryAgain), ("BU009", .tryAgain),
            ("BU003", .badData), ("BU004", .badData), ("23505", .badData), ("22003", .badData),
            ("XX000", .internal),
        ]
    )
    func server(_ state: String, _ status: bursar.ExitStatus) {
        var error = PostgresError(.server, "no")
        error.sqlState = SQLState(rawValue: state)
        #expect(describe(error).status == status)
    }

    @Test("A rule's refusal keeps the rule's own words and what to do")
    func rule() {
        var error = PostgresError(.server, "the plan has no such version", statement: "contract.subscribe")
        error.sqlState = .refusedByRule
        error.hint = "publish the version first"
        #expect(
            describe(error)
                == CommandFailure(.badData, "the plan has no such version", remedy: "publish the version first")
        )
    }

    @Test("A schema that does not fit names the command that mends it")
    func schema() {
        let failure = describe(MigrationError.older(missing: [7]))
        #expect(failure.status == .configuration)
        #expect(failure.remedy?.contains("bursar migrate up") == true)
        #expect(describe(MigrationError.locked(by: "session 7")).status == .tryAgain)
    }

    @Test("A full disk during a migration is the server's fault, a text that does not run is ours")
    func migration() {
        var full = PostgresError(.server, "could not extend file")
        full.sqlState = .diskFull
        var wrong = PostgresError(.server, "function is missing")
        wrong.sqlState = .undefinedFunction
        #expect(describe(MigrationError.failed(number: 3, name: "events", error: full)).status == .unavailable)
        #expect(describe(MigrationError.failed(number: 3, name: "events", error: wrong)).status == .internal)
    }

    @Test("A failure that the daemon tells ends the command with the daemon's words and code")
    func roundTrip() throws {
        let failure = CommandFailure(.badData, "two errors", remedy: "mend them", details: ["a:1:1: x", "a:2:1: y"])
        #expect(describe(Problem(failure)) == failure)
    }

    @Test("Nobody on the operator socket is a daemon that does not run")
    func nobody() {
        let error = OutboundError(
            code: .couldNotConnect,
            endpoint: "http://bursar/status",
            message: "nobody answers on /x: No such file or directory",
            mayHaveArrived: false
        )
        #expect(describe(error).status == .unavailable)
    }

    @Test("People read what was wrong and what to try; programs read JSON")
    func forms() {
        let failure = CommandFailure(.badData, "it is \"wrong\"", remedy: "mend it", details: ["line 1"])
        #expect(FailureReport.text(failure) == "line 1\nbursar: it is \"wrong\"\n  try: mend it")
        #expect(
            FailureReport.json(failure)
                == #"{"details":["line 1"],"error":"it is \"wrong\"","exit_status":65,"remedy":"mend it"}"#
        )
    }
}
