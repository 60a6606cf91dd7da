internal import CivilTime
internal import JobKit
internal import Programs
internal import Schedules

/// What one attempt is about to start: everything looked up, nothing made yet.
struct CommandPlan: Sendable {
    let program: Program
    /// The idempotency key: of the fire where there is one, else of the run.
    ///
    /// Never of the attempt.
    let key: String
    private let secrets: [String]
    private let input: String?
    private let folderName: String

    /// The kernel's own limit for one argument.
    private static let longestWord = 131_072
    /// Well below the kernel's limit for all of them.
    private static let longestCommand = 1_000_000

    /// - Throws: `JobError`, permanent where the file asks for what is not there.
    init(_ parameters: Command.Parameters, _ context: JobContext, _ house: CommandHouse) async throws {
        let run = context.run
        let origin = try await context.origin()
        guard origin.isDeclared || house.startsUndeclared || run.isDryRun else {
            throw JobError(
                .permanent,
                "no schedule file in force declares this command, so nobody may ask for it here;"
                    + " write it into one, with enabled: false where it shall run by hand alone"
            )
        }
        let fireAt = origin.fireAt
        key = run.schedule.flatMap { name in fireAt.map { "\(name)/\($0)" } } ?? "run/\(run.id)"
        secrets = parameters.secrets
        input = parameters.input
        folderName = "\(run.id)-\(run.attempt)-\(run.fence)"
        let wanted = parameters.user
        let account = await onOwnThread { wanted.map { Account.named($0) } ?? Account.ofThisProcess() }
        guard account != nil || wanted == nil else {
            throw JobError(.permanent, "there is no user \(wanted ?? "") on this machine")
        }
        // A run asked for in SQL was checked by nobody.
        guard let grace = try? Duration(scheduleText: parameters.grace), grace <= Command.Parameters.longestGrace else {
            throw JobError(.permanent, "grace must be a duration of at most 25s, not \(parameters.grace)")
        }
        let home = account?.home ?? "/"
        let hasHome = await onOwnThread { Account.canEnter(home) }
        program = Program(
            parameters.command,
            directory: parameters.directory ?? (hasHome ? home : "/"),
            environment: Self.environment(parameters, account, context, key: key, fireAt: fireAt),
            account: account.flatMap { $0.isOther ? $0 : nil },
            grace: grace
        )
        guard parameters.command.first?.isEmpty == false else {
            throw JobError(.permanent, "command begins with an empty text; its first element is the program")
        }
        guard parameters.command.allSatisfy({ $0.utf8.count < Self.longestWord }),
            parameters.command.reduce(0, { $0 + $1.utf8.count }) < Self.longestCommand
        else { throw JobError(.permanent, "command is longer than the system takes; hand long texts over as input") }
        let (sought, folders, refused) = (secrets, house.secretFolders, house.refusedSecrets)
        if let missing = await onOwnThread({ Secrets.missing(sought, in: folders, refused: refused) }) {
            throw JobError(.permanent, missing)
        }
        if run.isDryRun {
            let program = program
            if let problem = await onOwnThread({ program.problem }) { throw JobError(.permanent, problem) }
        }
    }

    /// The program with the folder that it has to itself, made now.
    ///
    /// - Throws: `ProgramRefused` where the folder or a secret cannot be made; nothing is left then.
    func furnished(_ house: CommandHouse) async throws -> Program {
        guard !secrets.isEmpty || input != nil else { return program }
        let (plain, folderName, secrets, input) = (program, folderName, secrets, input)
        return try await onOwnThread { () -> Result<Program, ProgramRefused> in
            Result { () throws(ProgramRefused) -> Program in
                var folder = try PrivateFolder(folderName, in: house.privateFolders, owner: plain.account)
                do throws(ProgramRefused) {
                    for name in secrets {
                        let bytes = try Secrets.read(name, in: house.secretFolders)
                        try folder.write(bytes, to: name, owner: plain.account)
                    }
                    if let input { try folder.writeInput(input, owner: plain.account) }
                } catch {
                    folder.remove()
                    throw error
                }
                var program = plain
                program.folder = folder
                if !secrets.isEmpty { program.environment["BURSAR_SECRETS_DIRECTORY"] = folder.path }
                return program
            }
        }.get()
    }

    /// What would be started, for people: names of variables and secrets, no values.
    var description: String {
        var words = "\(program.commandLine) in \(program.directory)"
        if let account = program.account { words += " as \(account.name)" }
        let names = program.environment.keys.filter { !$0.hasPrefix("BURSAR_") }.sorted()
        words += ", environment \(names.joined(separator: " "))"
        if !secrets.isEmpty { words += ", secrets \(secrets.joined(separator: " "))" }
        return words
    }

    /// As small as cron's, and nothing of the daemon's own.
    private static func environment(
        _ parameters: Command.Parameters,
        _ account: Account?,
        _ context: JobContext,
        key: String,
        fireAt: Instant?
    ) -> [String: String] {
        var environment = [
            "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LANG": "C.UTF-8", "HOME": account?.home ?? "/",
        ]
        if let name = account?.name {
            environment["USER"] = name
            environment["LOGNAME"] = name
        }
        environment.merge(parameters.environment) { _, new in new }
        environment["BURSAR_RUN"] = "\(context.run.id)"
        environment["BURSAR_ATTEMPT"] = "\(context.run.attempt)"
        environment["BURSAR_FENCE"] = "\(context.run.fence)"
        environment["BURSAR_AS_OF"] = "\(context.asOf)"
        environment["BURSAR_IDEMPOTENCY_KEY"] = key
        environment["BURSAR_SCHEDULE"] = context.run.schedule
        environment["BURSAR_FIRE_AT"] = fireAt.map { "\($0)" }
        return environment
    }
}
