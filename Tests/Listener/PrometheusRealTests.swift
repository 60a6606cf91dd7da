import CoreMetrics
import Glibc
import Outbound
import Telemetry
import Testing

/// Needs Debian's package `prometheus`; `make real` sets `BURSAR_REAL`, and a missing tool is then a failure.
@Suite("Prometheus reads our metrics", .enabled(if: getenv("BURSAR_REAL") != nil, "make real runs this"))
struct PrometheusRealTests {
    @Test("promtool finds nothing to complain about in what /metrics serves")
    func lint() async throws {
        let surface = StubSurface()
        let registry = surface.registry
        registry.describe([
            MetricDescription("bursar_runs_total", "Runs that ended, by module and outcome."),
            MetricDescription("bursar_run_duration_seconds", "Time a run took.", buckets: .runs),
            MetricDescription("bursar_slots", "Runs that this node may work at once."),
        ])
        ProcessMetrics.describe(in: registry)
        Counter(
            label: "bursar_runs_total",
            dimensions: [("module", "renewals"), ("outcome", "a \"quoted\\\n\" one")],
            factory: registry
        ).increment()
        Timer(label: "bursar_run_duration_seconds", factory: registry).recordMilliseconds(1500)
        Meter(label: "bursar_slots", factory: registry).set(4)
        ProcessMetrics(registry: registry).refresh()
        let text = try await withListener(surface) { listener in try await listener.get("/metrics").text }
        let tool = getenv("PROMTOOL").map { String(cString: $0) } ?? "promtool"
        let pipe = try #require(popen("\(tool) check metrics", "w"))
        #expect(fputs(text, pipe) >= 0)
        #expect(pclose(pipe) == 0, "promtool's words stand above:\n\(text)")
    }
}
