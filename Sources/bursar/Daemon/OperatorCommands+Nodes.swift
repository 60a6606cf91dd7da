import Engine
import JobKit
import Postgres

extension OperatorCommands {
    /// What an operator asks about nodes and does to them all.
    static func nodes(_ request: OperatorRequest, daemon: Daemon) async throws -> JSONText? {
        let desk = NodeDesk(database: daemon.database, record: RunNotes.recordAct)
        switch request.command {
        case "nodes.list": return try await desk.list()
        case "nodes.outages": return try await desk.outages()
        case "nodes.quarantine.show": return try await desk.quarantines()
        case "nodes.quarantine.lift":
            let asked = try request.decoded(as: QuarantineWish.self)
            let lifted = try await desk.liftQuarantine(reason: asked.reason, by: request.actor)
            daemon.node.wake()
            return try JSONText(encoding: LiftAnswer(quarantine: lifted, state: "lifted"))
        default: return nil
        }
    }
}

struct QuarantineWish: Codable, Sendable {
    var reason: String
}

private struct LiftAnswer: Encodable {
    let quarantine: Int64
    let state: String
}
