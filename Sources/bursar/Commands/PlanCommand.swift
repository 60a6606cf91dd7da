import ArgumentParser
import CivilTime
import Engine
import Postgres
import Schedules
import SocketLoop

/// What an apply of schedule files would change, before it does.
struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what an apply of the schedule files would change, and keep it as a proposal.",
        discussion: """
            Compares the files with the schedules in force: what is added, changed and removed, the next fires, and fires \
            that the edit would lose or double. Nothing is put in force; `bursar apply ID` does exactly what the proposal \
            says, or refuses. A newer proposal supersedes the older ones.
            """
    )

    @Argument(help: ArgumentHelp("Files or folders; those of the configuration when none is given.", valueName: "path"))
    var paths: [String] = []

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let settings = try options.settings()
        let set = try ScheduleSet.load(
            paths: paths.isEmpty ? [settings.schedules] : paths,
            catalogue: JobRegistry.shipped.catalogue
        )
        let proposed = try await DatabaseSession.withLoop { loop in
            try await SchemaGuard(settings: settings.database, loop: loop).check()
            let pool = PostgresPool(settings.database.configuration(for: "plan"), size: 1, loop: loop)
            let proposed = try await propose(set, pool)
            await pool.close()
            return proposed
        }
        Terminal.print(options.json ? proposed.json.canonicalText : proposed.text)
    }

    private func propose(_ set: ScheduleSet, _ pool: PostgresPool) async throws -> ScheduleBook.Proposed {
        do {
            return try await ScheduleBook(database: pool).propose(set, by: "operator:\(OperatorName.current)")
        } catch {
            await pool.close()
            throw error
        }
    }
}

extension ScheduleBook.Proposed {
    /// For programs.
    fileprivate var json: JSONValue {
        .object([
            "proposal": proposal.map { .integer($0) } ?? .null,
            "as_of": .text(asOf.description),
            "files": .text(files),
            "in_force": inForce.map(JSONValue.text) ?? .null,
            "changes": edit.json,
        ])
    }

    /// For people: a paragraph a schedule.
    fileprivate var text: String {
        guard let proposal else { return "nothing would change (\(files.prefix(12)))" }
        var lines = edit.changes.flatMap(\.lines)
        let counts = [ScheduleEdit.Kind.added, .changed, .removed].map { "\(edit.count(of: $0)) \($0.rawValue)" }
        lines.append("proposal \(proposal): \(counts.joined(separator: ", "))")
        lines.append("put it in force with: bursar apply \(proposal)")
        return lines.joined(separator: "\n")
    }
}

extension ScheduleEdit.Change {
    fileprivate var lines: [String] {
        let sign =
            switch kind {
            case .added: "+"
            case .changed: "~"
            case .removed: "-"
            }
        var lines = ["\(sign) \(name)"]
        for field in fields {
            let (was, becomes) = (field.was?.canonicalText ?? "nothing", field.becomes?.canonicalText ?? "nothing")
            lines.append("    \(field.name): \(was) -> \(becomes)")
        }
        lines += next.map { "    fires  \(zone.localText(at: $0)) \(zone.name)  \($0)" }
        if lostCount > 0 {
            let shown = lost.map(\.description).joined(separator: ", ")
            lines.append("    loses \(lostCount): \(shown)\(lostCount > lost.count ? ", …" : "")")
        }
        if !doubled.isEmpty { lines.append("    doubles: \(doubled.map(\.description).joined(separator: ", "))") }
        return lines + notes.map { "    note: \($0)" } + [""]
    }
}
