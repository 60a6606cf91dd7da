import Engine
import FoundationEssentials
import Metrics
import Postgres

/// The gauges that are read from the database when somebody scrapes.
enum EngineGauges {
    private struct Status: Decodable {
        let runs: [String: Int]
        let oldest_ready_seconds: Double?
        let alarms: [Alarm]
        let nodes: [Node]

        struct Alarm: Decodable {}
        struct Node: Decodable {}
    }

    /// Asks the database once. Where it is away the old values stay, and `bursar_database_up` tells.
    static func refresh(from desk: RunDesk, node: Engine.Node) async {
        Gauge(label: "bursar_runs_working").record(node.working)
        guard let text = try? await desk.status().text,
            let status = try? JSONDecoder().decode(Status.self, from: Data(text.utf8))
        else {
            Gauge(label: "bursar_database_up").record(0)
            return
        }
        Gauge(label: "bursar_database_up").record(1)
        for state in ["scheduled", "ready", "running", "snoozed", "needs_approval"] {
            Gauge(label: "bursar_queue_depth", dimensions: [("state", state)]).record(status.runs[state] ?? 0)
        }
        Gauge(label: "bursar_oldest_ready_age_seconds").record(status.oldest_ready_seconds ?? 0)
        Gauge(label: "bursar_alarms_raised").record(status.alarms.count)
        Gauge(label: "bursar_nodes").record(status.nodes.count)
    }
}
