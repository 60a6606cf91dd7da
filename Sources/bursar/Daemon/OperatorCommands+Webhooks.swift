import CivilTime
import JobKit
import Postgres
import Webhooks

extension OperatorCommands {
    /// What an operator asks about stored posts and does with them.
    static func webhooks(_ request: OperatorRequest, database: PostgresPool) async throws -> JSONText? {
        let desk = WebhookDesk(database: database)
        switch request.command {
        case "webhooks.list":
            let asked = try request.decoded(as: WebhookWish.self)
            return try await desk.list(try asked.filter(), limit: min(max(asked.limit ?? 50, 1), 10_000))
        case "webhooks.show":
            return try await desk.show(try request.decoded(as: WebhookReference.self).event)
        case "webhooks.replay_plan":
            let asked = try request.decoded(as: WebhookWish.self)
            return try await desk.planReplay(try asked.filter(), by: request.actor)
        case "webhooks.replay":
            let asked = try request.decoded(as: WebhookReplayWish.self)
            return try await desk.replay(proposal: asked.proposal, reason: asked.reason, by: request.actor)
        default:
            return nil
        }
    }
}

/// Which stored posts are meant.
struct WebhookWish: Codable, Sendable {
    var source: String?
    var state: String?
    /// RFC 3339.
    var since: String?
    var until: String?
    var events: [Int64]?
    var limit: Int?

    /// - Throws: `CommandFailure` 64 for a state that there is not, 65 for a time that cannot be read.
    func filter() throws -> WebhookDesk.Filter {
        let states = ["received", "processed", "ignored", "conflict"]
        if let state, !states.contains(state) {
            throw CommandFailure(
                .usage,
                "posts are never \(state)",
                remedy: "use one of \(states.joined(separator: ", "))"
            )
        }
        return WebhookDesk.Filter(
            source: source,
            state: state,
            since: try instant(since),
            until: try instant(until),
            ids: events
        )
    }

    private func instant(_ text: String?) throws -> Instant? {
        guard let text else { return nil }
        guard let instant = Instant(text) else {
            throw CommandFailure(
                .badData,
                "\(text) is not an instant",
                remedy: "write it as 2026-03-01T00:00:00+07:00"
            )
        }
        return instant
    }
}

struct WebhookReference: Codable, Sendable {
    var event: Int64
}

struct WebhookReplayWish: Codable, Sendable {
    var proposal: Int64
    var reason: String
}
