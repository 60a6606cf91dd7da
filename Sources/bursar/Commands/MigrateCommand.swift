import ArgumentParser
import Postgres
import Schedules

/// The database's schema.
struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Bring the database's schema up or down.",
        subcommands: [Up.self, Down.self, Status.self]
    )

    fileprivate struct Change: Encodable {
        let direction: String
        let migrations: [Int]
    }

    /// Applies what is missing.
    struct Up: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "up",
            abstract: "Apply the migrations that the database lacks.",
            discussion: "Uses database.migration_url: a login that may create roles and tables."
        )

        @Option(name: .long, help: ArgumentHelp("Stop after this migration.", valueName: "number"))
        var to: Int?

        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let applied = try await MigrateCommand.up(try options.settings(), to: to)
            options.show(Change(direction: "up", migrations: applied)) { change in
                let list = change.migrations.map(String.init).joined(separator: ", ")
                return change.migrations.isEmpty ? "the schema is up to date" : "applied: \(list)"
            }
        }
    }

    /// Takes migrations back, and what they made with them.
    struct Down: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "down",
            abstract: "Take migrations back, with everything that is stored in what they made.",
            discussion: "Refused in production without --yes: tables are dropped with their rows."
        )

        @Option(
            name: .long,
            help: ArgumentHelp("The migration that stays the last one; 0 for none.", valueName: "number")
        )
        var to: Int

        @Flag(name: .long, help: "Do it in production too.")
        var yes = false

        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let settings = try options.settings()
            guard settings.environment != .production || yes else {
                throw CommandFailure(
                    .notPermitted,
                    "`bursar migrate down` drops tables with their rows, and this is production",
                    remedy: "take a backup, then add --yes"
                )
            }
            let taken = try await DatabaseSession.withMigrator(settings, mayChange: true) { migrator in
                try await migrator.down(to: to)
            }
            options.show(Change(direction: "down", migrations: taken)) { change in
                let list = change.migrations.map(String.init).joined(separator: ", ")
                return change.migrations.isEmpty ? "nothing to take back" : "taken back: \(list)"
            }
        }
    }

    /// Compares the database with this program.
    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "status",
            abstract: "Compare the database's schema with this program.",
            discussion: "Exit code 1 when they differ."
        )

        @OptionGroup var options: GlobalOptions

        private struct Entry: Encodable {
            let number: Int
            let name: String
            let appliedAt: String?
            let state: String
        }

        func run() async throws {
            let settings = try options.settings()
            let applied = try await DatabaseSession.withMigrator(settings, mayChange: false) { migrator in
                try await migrator.status()
            }
            let entries = Self.compare(applied, Migrations.all)
            options.show(entries) { entries in
                var table = TextTable(["NUMBER", "NAME", "STATE", "APPLIED"])
                for entry in entries {
                    table.add(["\(entry.number)", entry.name, entry.state, entry.appliedAt ?? "-"])
                }
                return table.text
            }
            if entries.contains(where: { $0.state != "applied" }) { throw ExitCode(ExitStatus.finding.rawValue) }
        }

        private static func compare(_ applied: [AppliedMigration], _ known: [Migration]) -> [Entry] {
            let byNumber = Dictionary(applied.map { ($0.number, $0) }) { first, _ in first }
            let numbers = Set(applied.map(\.number)).union(known.map(\.number)).sorted()
            return numbers.map { number in
                let done = byNumber[number]
                let ours = known.first { $0.number == number }
                let state =
                    switch (done, ours) {
                    case (nil, _): "missing"
                    case (_, nil): "unknown to this program"
                    case (let done?, let ours?): done.checksum == ours.checksum ? "applied" : "altered since"
                    }
                return Entry(
                    number: number,
                    name: done?.name ?? ours?.name ?? "",
                    appliedAt: done?.appliedAt,
                    state: state
                )
            }
        }
    }

    /// Applies what is missing, and tells a new database what it is for.
    static func up(_ settings: Settings, to target: Int? = nil) async throws -> [Int] {
        let applied = try await DatabaseSession.withMigrator(settings, mayChange: true) { migrator in
            try await migrator.up(to: target)
        }
        if applied.contains(1) {
            try await DatabaseSession.with(settings.database.migrationConfiguration()) { connection in
                try await Installation.settle(connection, as: settings.environment)
            }
        }
        return applied
    }
}
