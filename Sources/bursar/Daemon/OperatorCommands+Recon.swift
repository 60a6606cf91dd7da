import Engine
import JobKit
import Listener
import Payments
import Postgres
import Schedules

extension OperatorCommands {
    /// Statement files; what only looks, and what closes suspense, are `ReconCommands`.
    static func recon(_ request: OperatorRequest, daemon: Daemon) async throws -> JSONText? {
        guard request.command == "recon.import" else { return nil }
        let asked = try request.decoded(as: StatementWish.self)
        let layouts = try daemon.settings.statementLayouts.map { try StatementLayouts.read($0) } ?? []
        let answer = try await StatementImport(layouts: layouts, database: daemon.database, actor: request.actor)
            .run(asked.wish)
        var run: Int64?
        if asked.thenRun ?? false, answer.statementImport != nil {
            var wish = RunWish(job: ReconCommand.job)
            wish.reason = "statement \(answer.statementImport ?? 0)"
            let desk = RunDesk(database: daemon.database, record: RunNotes.record)
            run = try await desk.enqueue(try wish.request(.shipped), by: request.actor).0
            daemon.node.wake()
        }
        return try JSONText(encoding: StatementAnswer(imported: answer, run: run))
    }
}

/// The layouts of statement files.
enum StatementLayouts {
    /// Reads the file that the configuration names, anew each time: a layout is in force as soon as it is saved.
    static func read(_ path: String) throws -> [StatementLayout] {
        try StatementLayout.read(try TextFile.read(path) ?? "", file: path)
    }
}

/// What `recon.import` takes.
struct StatementWish: Codable, Sendable {
    let wish: StatementImport.Wish
    var thenRun: Bool?
}

/// What `recon.import` answers.
struct StatementAnswer: Codable, Sendable {
    let imported: StatementImport.Answer
    /// The reconciliation that was asked for.
    let run: Int64?
}
