import FoundationEssentials
import Metrics
import Postgres
import Telemetry
import Webhooks

/// The webhooks' part of `/status`.
struct WebhookStanding: Encodable {
    private struct Source: Encodable {
        let name: String
        let scheme: String
        let secrets: [Secret]
        let authoritative: Bool
    }

    /// By its fingerprint, never by itself.
    private struct Secret: Encodable {
        let fingerprint: String
        let validFrom: String?
        let validUntil: String?
    }

    private let file: String?
    private let problem: String?
    private let address: String?
    private let storing: String?
    private let waiting: Int?
    private let sources: [Source]

    private init(_ daemon: Daemon) {
        let standing = daemon.webhooks.standing
        file = daemon.webhooks.file
        problem = standing.problem
        address = daemon.inbox.map { "\($0.address)" }
        storing = daemon.inbox.map { $0.writer.standing.problem ?? "yes" }
        waiting = daemon.inbox?.writer.waiting
        sources = (standing.sources?.all ?? []).map { source in
            Source(
                name: source.name,
                scheme: source.scheme,
                secrets: source.secrets.map { secret in
                    Secret(
                        fingerprint: secret.fingerprint,
                        validFrom: secret.validFrom.map { "\($0)" },
                        validUntil: secret.validUntil.map { "\($0)" }
                    )
                },
                authoritative: source.payment?.isAuthoritative ?? false
            )
        }
    }

    /// As JSON, with what the database says of the inbox.
    static func text(of daemon: Daemon) async throws -> String {
        let here = JSON.text(of: WebhookStanding(daemon))
        guard daemon.webhooks.file != nil else { return here }
        let inbox = try await WebhookDesk(database: daemon.database).depth()
        return "\(here.dropLast()),\"inbox\":\(inbox.text)}"
    }
}

/// What is measured of webhooks.
enum WebhookGauges {
    static let descriptions = [
        MetricDescription("bursar_webhook_posts_total", "Posts answered, by source and class of status."),
        MetricDescription("bursar_webhook_conflicts_total", "Posts with another body under an id that was taken."),
        MetricDescription("bursar_webhook_commits_total", "Commits of posts; many posts may share one."),
        MetricDescription("bursar_webhook_committed_posts_total", "Posts that were in those commits."),
        MetricDescription("bursar_webhook_inbox_depth", "Stored posts that wait to be processed."),
        MetricDescription("bursar_webhook_oldest_pending_seconds", "How long the oldest of them has waited."),
    ]

    private struct Depth: Decodable {
        let pending: Int
        let oldest_pending_seconds: Double?
    }

    /// Asks the database once; where it is away the old values stay.
    static func refresh(from desk: WebhookDesk) async {
        guard let text = try? await desk.depth().text,
            let depth = try? JSONDecoder().decode(Depth.self, from: Data(text.utf8))
        else { return }
        Gauge(label: "bursar_webhook_inbox_depth").record(depth.pending)
        Gauge(label: "bursar_webhook_oldest_pending_seconds").record(depth.oldest_pending_seconds ?? 0)
    }
}
