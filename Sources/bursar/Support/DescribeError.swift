import CivilTime
import Custody
import Engine
import KHQR
import Listener
import Notices
import Outbound
import Payments
import Postgres
import Schedules
import SocketLoop
import Webhooks

/// What any error means to whoever ran the command: the one place where errors become words, remedies and exit codes.
func describe(_ error: any Error) -> CommandFailure {
    switch error {
    case let failure as CommandFailure: failure
    case let error as PostgresError: describe(error)
    case let error as MigrationError: describe(error)
    case let problem as Problem: describe(problem)
    case let error as OutboundError: describe(error)
    case let problems as ScheduleProblems: mistakes(problems.problems.map(\.description), "the schedule files have")
    case let problems as SourceProblems: mistakes(problems.problems.map(\.description), "the webhook sources have")
    case let problems as PolicyProblems: mistakes(problems.problems.map(\.description), "the dunning policies have")
    case let problems as RetentionProblems:
        mistakes(problems.problems.map(\.description), "the retention policies have")
    case let problems as ChannelProblems: mistakes(problems.problems.map(\.description), "the channels file has")
    case let refusal as WebhookRefusal: CommandFailure(.badData, refusal.description, remedy: refusal.remedy)
    case let problems as LayoutProblems:
        mistakes(
            problems.problems.map(\.description),
            "the file of statement layouts has",
            remedy: "mend the lines above"
        )
    case let problems as TemplateProblems:
        mistakes(
            problems.problems.map(\.description),
            "the templates have",
            remedy: "mend the lines above; docs/templates.md has the names that templates may use"
        )
    case let error as TemplateError: CommandFailure(.badData, error.message)
    case let error as MailError: CommandFailure(.badData, error.description)
    case let problem as StatementProblem: CommandFailure(.badData, problem.message, remedy: problem.remedy)
    case let refusal as ScheduleRefusal:
        CommandFailure(
            refusal.reason == .moved ? .tryAgain : .badData,
            refusal.description,
            remedy: refusal.remedy
        )
    case let problems as ParameterProblems:
        CommandFailure(.badData, "the parameters do not fit the job", details: problems.sentences)
    case let error as CronError: CommandFailure(.badData, error.description)
    case let error as ZoneError: CommandFailure(.badData, error.description)
    case let error as KHQRError:
        CommandFailure(.badData, error.description, remedy: "docs/khqr.md has the fields, their limits and the codes")
    case let failure as QRPicture.Failure: CommandFailure(.badData, failure.message)
    case let error as SchemeError: CommandFailure(.configuration, error.problem, remedy: error.remedy)
    case let error as ListenerError:
        CommandFailure(.configuration, error.description, remedy: error.remedy)
    case let error as PrivateClusterError:
        CommandFailure(.unavailable, error.message, remedy: "`bursar doctor` shows what is there and what is missing")
    case let error as BakongSettingsError: CommandFailure(.badData, error.message, remedy: error.remedy)
    case let fault as BakongFault:
        CommandFailure(
            fault.remedy == .person ? .configuration : .unavailable,
            fault.description,
            remedy: "docs/bakong.md says what each fault means: this one is \(fault.word)"
        )
    case let error as SocketLoopError: CommandFailure(.internal, error.description)
    case is CancellationError: CommandFailure(.tryAgain, "interrupted", remedy: "run the command again")
    default:
        CommandFailure(
            .internal,
            "\(error)",
            remedy: "this should not happen; report it with the command and its output"
        )
    }
}

/// What is wrong with a file that people write, a problem a line.
private func mistakes(
    _ problems: [String],
    _ what: String,
    remedy: String = "mend the lines above; nothing was changed"
) -> CommandFailure {
    let count = problems.count == 1 ? "an error" : "\(problems.count) errors"
    return CommandFailure(.badData, "\(what) \(count)", remedy: remedy, details: problems)
}

private func describe(_ problem: Problem) -> CommandFailure {
    let status =
        problem.exitStatus.flatMap(ExitStatus.init)
        ?? {
            switch problem.status {
            case 401, 403: .notPermitted
            case 404, 400, 413, 422: .badData
            case 409, 429: .tryAgain
            case 502, 503, 504: .unavailable
            default: .internal
            }
        }()
    let lines = (problem.detail ?? "").split(separator: "\n").map(String.init)
    let remedy = problem.remedy ?? problem.id.map { "look for \($0) in the daemon's log" }
    return CommandFailure(status, problem.title, remedy: remedy, details: lines)
}

private func describe(_ error: OutboundError) -> CommandFailure {
    switch error.code {
    case .couldNotConnect where error.message.contains("Permission denied"):
        CommandFailure(
            .notPermitted,
            "the operator socket does not let this user in: \(error.message)",
            remedy: "run this as the daemon's user, or join its group"
        )
    case .couldNotConnect:
        CommandFailure(
            .unavailable,
            "no daemon answers: \(error.message)",
            remedy: "start one with `systemctl start bursar` or `bursar serve`, or check operator.socket"
        )
    case .timedOut, .interrupted:
        CommandFailure(
            .tryAgain,
            "the daemon did not answer in full: \(error.message)",
            remedy: "look at `bursar status` before trying again: the command may have been carried out"
        )
    default: CommandFailure(.internal, error.description)
    }
}

private func describe(_ error: MigrationError) -> CommandFailure {
    switch error {
    case .older, .newer, .altered: withRemedy(.configuration, error.description)
    case .locked: withRemedy(.tryAgain, error.description)
    case .noSuchMigration: withRemedy(.usage, error.description)
    case .badSequence: CommandFailure(.internal, error.description)
    case .failed(_, _, let cause):
        // The server's state may be to blame; a text that does not run is ours.
        [.unavailable, .notPermitted, .tryAgain].contains(describe(cause).status)
            ? CommandFailure(describe(cause).status, error.description, remedy: describe(cause).remedy)
            : CommandFailure(.internal, error.description, remedy: "nothing of it was kept; report it with this output")
    }
}

/// Splits a description that ends with its remedy after the first semicolon or colon.
private func withRemedy(_ status: ExitStatus, _ description: String) -> CommandFailure {
    guard let mark = description.firstIndex(of: ";") else { return CommandFailure(status, description) }
    let remedy = description[description.index(after: mark)...].drop { $0 == " " }
    return CommandFailure(status, String(description[..<mark]), remedy: String(remedy))
}

private func describe(_ error: PostgresError) -> CommandFailure {
    switch error.code {
    case .connectionFailed: describeRefusal(error)
    case .connectionLost, .poolTimedOut:
        CommandFailure(.unavailable, "the database went away: \(error)", remedy: "check the server, then try again")
    case .commitOutcomeUnknown:
        CommandFailure(.tryAgain, error.description, remedy: "look whether it was done before trying again")
    case .timedOut:
        CommandFailure(.tryAgain, "the database took too long: \(error)", remedy: "try again; look for long queries")
    case .cancelled: CommandFailure(.tryAgain, "interrupted", remedy: "run the command again")
    case .server: describeServer(error)
    default: CommandFailure(.internal, error.description, remedy: "report it with the command and its output")
    }
}

/// A connection that was not made: libpq tells the reasons apart in words only.
private func describeRefusal(_ error: PostgresError) -> CommandFailure {
    // libpq breaks its lines and indents them.
    let text = error.message.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    func says(_ words: String...) -> Bool { words.contains { text.contains($0) } }
    if says("password authentication failed", "no pg_hba.conf entry", "no password supplied", "is not permitted")
        || says("role \"") && says("does not exist")
    {
        return CommandFailure(
            .notPermitted,
            "the database refuses the login: \(text)",
            remedy: "check user and password of database.url, and pg_hba.conf; `bursar migrate up` makes the roles"
        )
    }
    if says("database \""), says("does not exist") {
        return CommandFailure(
            .configuration,
            "the server has no such database: \(text)",
            remedy: "create it (`createdb bursar`), or name another in database.url; in development: `bursar dev up`"
        )
    }
    if says("remaining connection slots", "too many clients", "too many connections", "starting up", "shutting down") {
        return CommandFailure(.unavailable, "the database takes no connections now: \(text)", remedy: "try again soon")
    }
    return CommandFailure(
        .unavailable,
        "the database cannot be reached: \(text)",
        remedy: "check that PostgreSQL runs and what database.url says; in development: `bursar dev up`"
    )
}

/// What the server itself said no to.
private func describeServer(_ error: PostgresError) -> CommandFailure {
    guard let state = error.sqlState else { return CommandFailure(.internal, error.description) }
    switch state {
    case .refusedByRule, .notFound: return CommandFailure(.badData, error.message, remedy: error.hint)
    case .notPermittedHere: return CommandFailure(.notPermitted, error.message, remedy: error.hint)
    case .pastLost, .inQuarantine: return CommandFailure(.tryAgain, error.message, remedy: error.hint)
    case .insufficientPrivilege:
        return CommandFailure(
            .notPermitted,
            "the database refuses this role: \(error)",
            remedy: "check which login database.url names; `bursar doctor` shows what it may do"
        )
    case .diskFull:
        return CommandFailure(
            .unavailable,
            "the database's disk is full: \(error)",
            remedy: "make room on the database server; nothing was lost, and the work goes on by itself"
        )
    case .undefinedTable, .undefinedFunction, .undefinedObject, SQLState(rawValue: "3F000"):
        return CommandFailure(
            .configuration,
            "the database lacks what this program needs: \(error)",
            remedy: "bursar migrate up"
        )
    default: break
    }
    switch state.class {
    case "28": return CommandFailure(.notPermitted, "the database refuses the login: \(error)")
    case "40", "55":
        return CommandFailure(.tryAgain, "others were at work on the same rows: \(error)", remedy: "try again")
    case "53", "57", "58", "08":
        return CommandFailure(.unavailable, "the database cannot work now: \(error)", remedy: "try again soon")
    case "22", "23": return CommandFailure(.badData, error.description, remedy: error.hint)
    default: return CommandFailure(.internal, error.description, remedy: error.hint)
    }
}
