import ArgumentParser
import Billing
import Custody

/// Backups: take one, and see those there are.
struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Take a backup, sealed and counted; see those there are, and say what is known of them.",
        subcommands: [Run.self, List.self, Forget.self, Accept.self]
    )

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a backup now, and wait for it.",
            discussion:
                "The daemon takes it; with --here this process does. Exit code 1 where it fails, by the step's name."
        )
        @OptionGroup var options: GlobalOptions
        @OptionGroup var engine: EngineOptions
        @Option(help: "Of pgBackRest: full, diff or incr.") var type: String?
        @Flag(help: "Take it in this process.") var here = false
        @Option(help: "Why, for the record.") var reason: String?

        func validate() throws {
            if type != nil { try engine.mustBePgBackRest("--type") }
        }

        func run() async throws {
            let parameters = engine.parameters + (type.map { ["type=\($0)"] } ?? [])
            try await RunCommand.wait(for: "backup", parameters, here: here, reason: reason, options)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The newest backups, and when each was verified last."
        )
        @OptionGroup var options: GlobalOptions
        @Flag(help: "Those too whose files are removed.") var all = false
        @Option(help: "At most so many.") var limit = 30

        func run() async throws {
            let settings = try options.settings()
            let backups = try await DatabaseSession.transaction(
                settings.database.configuration(for: "backup list"),
                settings.database,
                BackupBook.transaction
            ) { try await BackupBook.list(withRemoved: all, limit: limit, in: $0) }
            options.show(backups) { backups in
                var table = TextTable(["name", "engine", "taken", "MiB", "files", "seconds", "verified", "where"])
                for backup in backups {
                    table.add([
                        backup.name, backup.physical.map { "\(backup.engine) \($0.kind)" } ?? backup.engine,
                        "\(backup.takenAt)", "\(backup.sealedBytes >> 20)", "\(backup.files)",
                        "\(Int(backup.seconds.rounded()))", backup.verifiedAt.map { "\($0)" } ?? "never",
                        backup.removedAt.map { "removed \($0)" } ?? backup.place,
                    ])
                }
                return backups.isEmpty ? "there is no backup; take one with: bursar backup run" : table.text
            }
        }
    }
}

extension BackupCommand {
    private struct Answer: Decodable {
        let backup: String
    }

    /// Files that are gone for good.
    struct Forget: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a backup off the list whose files are gone for good.",
            discussion:
                "Nothing is removed. While none of the backups made in a folder is there, no further one is made in it."
        )
        @Argument(help: "The backup's name.") var backup: String
        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let body: [String: ContractValue] = ["backup": .text(backup), "reason": reason.value]
            try await BusinessCall(options: options).perform("backups.forget", body) { (answer: Answer) in
                "backup \(answer.backup) is off the list"
            }
        }
    }

    /// Losses that are known and right.
    struct Accept: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Accept what a drill missed in a backup: later ones are compared with it.",
            discussion:
                "Until then every drill of it and of later ones fails at continuity. Who accepted it, and why, is in every receipt."
        )
        @Argument(help: "The backup's name.") var backup: String
        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let body: [String: ContractValue] = ["backup": .text(backup), "reason": reason.value]
            try await BusinessCall(options: options).perform("backups.accept", body) { (answer: Answer) in
                "what backup \(answer.backup) lacks is accepted"
            }
        }
    }
}

/// Which engine a backup or a drill is of; what is not said is the job's own.
struct EngineOptions: ParsableArguments {
    @Option(help: "dump or pgbackrest.") var engine: String?
    @Option(help: "Of pgBackRest: its name for the cluster.") var stanza: String?
    @Option(help: "Of pgBackRest: its configuration file.") var pgbackrestConfig: String?

    func validate() throws {
        if stanza != nil { try mustBePgBackRest("--stanza") }
        if pgbackrestConfig != nil { try mustBePgBackRest("--pgbackrest-config") }
    }

    /// - Throws: where an option is given that says nothing to dumps.
    func mustBePgBackRest(_ option: String) throws(ValidationError) {
        guard engine == BackupEngine.Name.pgBackRest.rawValue else {
            throw ValidationError("\(option) goes with --engine pgbackrest")
        }
    }

    /// As parameters of the job, which says what is wrong with them.
    var parameters: [String] {
        [("engine", engine), ("stanza", stanza), ("config", pgbackrestConfig)].compactMap { name, value in
            value.map { "\(name)=\($0)" }
        }
    }
}

extension RecordedBackup {
    /// Where it lies, for people.
    fileprivate var place: String {
        physical.map { "stanza \($0.stanza): \($0.label)" } ?? "\(host):\(directory)"
    }
}

extension RunCommand {
    /// Asks for a run of a job and waits until it has ended, as `bursar run JOB --wait` does.
    @discardableResult
    static func wait(
        for job: String,
        _ parameters: [String],
        here: Bool,
        reason: String?,
        _ options: GlobalOptions
    ) async throws -> RunFacts? {
        var command = try RunCommand.parse([job, here ? "--here" : "--wait"])
        command.options = options
        command.parameters = parameters
        command.reason = reason
        return try await command.perform()
    }
}
