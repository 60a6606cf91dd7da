import Engine
import FoundationEssentials
import Metrics
import Postgres
import Telemetry

/// The gauges that are read from the database when somebody scrapes.
enum EngineGauges {
    /// What the engine's metrics are for.
    static let descriptions = [
        MetricDescription("bursar_attempts_total", "Attempts that ended, by module and outcome."),
        MetricDescription("bursar_run_duration_seconds", "How long attempts took, by module.", buckets: .runs),
        MetricDescription("bursar_fence_rejections_total", "Attempts that lost their lease and applied nothing more."),
        MetricDescription("bursar_leases_expired_total", "Runs taken back from nodes whose lease ended."),
        MetricDescription("bursar_fences_taken_total", "Attempts that ignored their deadline and lost their fence."),
        MetricDescription("bursar_quarantines_total", "How often this node stood still for a past that was lost."),
        MetricDescription(
            "bursar_quarantine",
            "1 while nothing is claimed and nothing fires, until a person lifts it."
        ),
        MetricDescription("bursar_runs_working", "Runs that this node works on now."),
        MetricDescription("bursar_database_up", "1 where the database answered this scrape."),
        MetricDescription("bursar_queue_depth", "Runs that can still change, by state."),
        MetricDescription("bursar_oldest_ready_age_seconds", "How long the oldest ready run has waited."),
        MetricDescription("bursar_alarms_raised", "Alarms that are raised."),
        MetricDescription("bursar_nodes", "Nodes whose lease is in force."),
        MetricDescription(
            "bursar_schedule_last_success_timestamp_seconds",
            "When a run of the schedule last succeeded."
        ),
        MetricDescription(
            "bursar_provider_circuit_open",
            "1 where calls of the provider are kept back after failures."
        ),
        MetricDescription("bursar_provider_failures", "Calls of the provider that failed in a row."),
        MetricDescription("bursar_provider_runs_working", "Runs under way, on all nodes, that need the provider."),
        MetricDescription("bursar_build_info", "1, with the version as a label."),
    ]

    private struct Status: Decodable {
        let runs: [String: Int]
        let oldest_ready_seconds: Double?
        let alarms: [Alarm]
        let nodes: [Node]
        let schedules: [Schedule]
        let providers: [Provider]

        struct Alarm: Decodable {}
        struct Node: Decodable {}

        struct Provider: Decodable {
            let name: String
            let open: Bool
            let failures: Int
            let running: Int
        }

        struct Schedule: Decodable {
            let name: String
            let last_success_seconds: Double?
        }
    }

    /// Asks the database once.
    ///
    /// Where it is away the old values stay, and `bursar_database_up` tells.
    static func refresh(from desk: RunDesk, node: Engine.Node) async {
        Gauge(label: "bursar_runs_working").record(node.working)
        Gauge(label: "bursar_quarantine").record(node.quarantine == nil ? 0 : 1)
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
        for provider in status.providers {
            let labels = [("provider", provider.name)]
            Gauge(label: "bursar_provider_circuit_open", dimensions: labels).record(provider.open ? 1 : 0)
            Gauge(label: "bursar_provider_failures", dimensions: labels).record(provider.failures)
            Gauge(label: "bursar_provider_runs_working", dimensions: labels).record(provider.running)
        }
        for schedule in status.schedules {
            guard let seconds = schedule.last_success_seconds else { continue }
            let labels = [("schedule", schedule.name)]
            Gauge(label: "bursar_schedule_last_success_timestamp_seconds", dimensions: labels).record(seconds)
        }
    }
}
