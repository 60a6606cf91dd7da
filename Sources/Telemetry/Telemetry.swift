package import Logging
import CoreMetrics
import Synchronization

/// Connects the swift-log and swift-metrics APIs, which every room uses, to where this process sends them.
package enum Telemetry {
    /// The metrics of this process; `/metrics` renders them.
    package static let metrics = MetricsRegistry()

    private static let isBootstrapped = Atomic(false)

    /// Connects logs and metrics, once a process; a second call changes nothing.
    package static func bootstrap(level: Logger.Level, format: LogFormat? = nil) {
        guard !isBootstrapped.exchange(true, ordering: .sequentiallyConsistent) else { return }
        let format = format ?? .fitting
        LoggingSystem.bootstrap { label in StructuredLogHandler(label: label, level: level, format: format) }
        ProcessMetrics.describe(in: metrics)
        MetricsSystem.bootstrap(metrics)
    }
}
