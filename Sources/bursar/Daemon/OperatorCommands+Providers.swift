import Engine
import JobKit
import Postgres

extension OperatorCommands {
    /// What an operator does to providers.
    static func providers(_ request: OperatorRequest, database: PostgresPool, node: Node) async throws -> JSONText? {
        let desk = ProviderDesk(database: database, record: RunNotes.recordAct)
        switch request.command {
        case "providers.list":
            return try await desk.list()
        case "providers.set":
            let asked = try request.decoded(as: ProviderWish.self)
            try await desk.set(
                asked.provider,
                asked.settings ?? ProviderDesk.Settings(),
                reason: asked.reason,
                by: request.actor
            )
            node.wake()
            return try JSONText(encoding: ["provider": asked.provider, "state": "set"])
        case "providers.close":
            let asked = try request.decoded(as: ProviderWish.self)
            try await desk.close(asked.provider, reason: asked.reason, by: request.actor)
            node.wake()
            return try JSONText(encoding: ["provider": asked.provider, "state": "closed"])
        default:
            return nil
        }
    }
}

struct ProviderWish: Codable, Sendable {
    var provider: String
    var settings: ProviderDesk.Settings?
    var reason: String
}
