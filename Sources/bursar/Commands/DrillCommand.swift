import ArgumentParser
import Custody

/// Drills: prove that a backup restores, and see what was proven.
struct DrillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drill",
        abstract: "Prove that a backup restores; see the receipts.",
        subcommands: [Run.self, List.self, Show.self]
    )

    enum Source: String, ExpressibleByArgument, CaseIterable {
        case latest, random
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Restore a backup into a scratch cluster, prove the copy, and leave nothing behind.",
            discussion:
                "The daemon does it; with --here this process does. Exit code 1 where it fails, by the phase's name, and where it was partial: only a pass proves anything."
        )
        @OptionGroup var options: GlobalOptions
        @Option(help: "latest, or an older one by random; latest where nothing is said.") var source: Source?
        @Option(help: "This backup, by its name.") var backup: String?
        @OptionGroup var engine: EngineOptions
        @Option(help: "Of pgBackRest: go to this moment, such as 2026-01-31T08:00:00+07:00.") var at: String?
        @Flag(help: "Do it in this process.") var here = false
        @Option(help: "Why, for the record.") var reason: String?

        func validate() throws {
            if at != nil { try engine.mustBePgBackRest("--at") }
            guard [source != nil, backup != nil, at != nil].filter({ $0 }).count < 2 else {
                throw ValidationError("--source, --backup and --at are three ways to say which backup: give one")
            }
        }

        func run() async throws {
            if let backup { try await DrillCommand.check(backup, engine.engine, options) }
            var parameters = ["source=\((source ?? .latest).rawValue)"] + engine.parameters
            if let at { parameters.append("at=\(at)") }
            if let backup { parameters.append("backup=\(backup)") }
            let run = try await RunCommand.wait(
                for: "backup-verification",
                parameters,
                here: here,
                reason: reason,
                options
            )
            let drills = try await DrillCommand.read(nil, limit: 30, options)
            guard drills.first(where: { $0.receipt.run == run?.id })?.receipt.verdict == .pass else {
                throw ExitCode(ExitStatus.finding.rawValue)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The newest drills and their verdicts.")
        @OptionGroup var options: GlobalOptions
        @Option(help: "At most so many.") var limit = 30

        func run() async throws {
            let drills = try await DrillCommand.read(nil, limit: limit, options)
            options.show(drills) { drills in
                var table = TextTable(["drill", "when", "verdict", "at", "engine", "backup", "RPO s", "RTO s"])
                for drill in drills {
                    table.add([
                        "\(drill.id)", "\(drill.recordedAt)", drill.receipt.verdict.rawValue, drill.failedPhase ?? "",
                        drill.receipt.engine, drill.receipt.backup ?? "",
                        drill.receipt.rpo_seconds.map { "\(Int($0.rounded()))" } ?? "",
                        drill.receipt.rto_seconds.map { "\(Int($0.rounded()))" } ?? "",
                    ])
                }
                return drills.isEmpty ? "there was no drill; run one with: bursar drill run" : table.text
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "A drill's receipt, phase by phase.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "The drill's number; the newest where none is given.") var drill: Int64?

        func run() async throws {
            guard let found = try await DrillCommand.read(drill, limit: 1, options).first else {
                throw CommandFailure(
                    .badData,
                    drill.map { "there is no drill \($0)" } ?? "there was no drill",
                    remedy: "list them with: bursar drill list"
                )
            }
            options.show(found) { drill in
                var table = TextTable(["phase", "outcome", "seconds", "what was found"])
                for phase in drill.receipt.phases {
                    let tenths = Int((phase.seconds * 10).rounded())
                    table.add([phase.name, phase.outcome.rawValue, "\(tenths / 10).\(tenths % 10)", phase.detail])
                }
                return "drill \(drill.id) of engine \(drill.receipt.engine): \(drill.receipt.told)\n\(table.text)"
            }
        }
    }

    /// Refuses a backup that the database does not know: a slip of the pen is no drill that has failed.
    private static func check(_ name: String, _ engine: String?, _ options: GlobalOptions) async throws {
        let settings = try options.settings()
        let engine = BackupEngine.Name(rawValue: engine ?? "") ?? .dump
        let known = try await DatabaseSession.transaction(
            settings.database.configuration(for: "drill run"),
            settings.database,
            BackupBook.transaction
        ) { try await BackupBook.list(of: engine, in: $0) }
        guard !known.contains(where: { $0.name == name }) else { return }
        throw CommandFailure(
            .badData,
            "there is no backup \"\(name)\" of engine \(engine.rawValue)",
            remedy: "list them with: bursar backup list"
        )
    }

    private static func read(_ id: Int64?, limit: Int, _ options: GlobalOptions) async throws -> [RecordedDrill] {
        let settings = try options.settings()
        return try await DatabaseSession.transaction(
            settings.database.configuration(for: "drill list"),
            settings.database,
            BackupBook.transaction
        ) { try await DrillBook.list(id, limit: limit, in: $0) }
    }
}
