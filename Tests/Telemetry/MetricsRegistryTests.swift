import CoreMetrics
import Telemetry
import Testing

@Suite("Metrics registry")
struct MetricsRegistryTests {
    private let registry = MetricsRegistry()

    @Test("Counters, gauges and histograms read back in the plain text form")
    func plainText() {
        registry.describe([
            MetricDescription("bursar_runs_total", "Runs by module\nand outcome."),
            MetricDescription("bursar_run_duration_seconds", "Run time.", buckets: .runs),
        ])
        Counter(label: "bursar_runs_total", dimensions: [("module", "re\"n\\")], factory: registry).increment(by: 3)
        Meter(label: "bursar_slots", factory: registry).set(2.5)
        let timer = Timer(label: "bursar_run_duration_seconds", factory: registry)
        timer.recordNanoseconds(100_000_000)
        timer.recordNanoseconds(70_000_000_000)
        #expect(
            registry.render(.text) == #"""
                # HELP bursar_run_duration_seconds Run time.
                # TYPE bursar_run_duration_seconds histogram
                bursar_run_duration_seconds_bucket{le="0.1"} 1
                bursar_run_duration_seconds_bucket{le="0.5"} 1
                bursar_run_duration_seconds_bucket{le="1.0"} 1
                bursar_run_duration_seconds_bucket{le="5.0"} 1
                bursar_run_duration_seconds_bucket{le="15.0"} 1
                bursar_run_duration_seconds_bucket{le="60.0"} 1
                bursar_run_duration_seconds_bucket{le="300.0"} 2
                bursar_run_duration_seconds_bucket{le="900.0"} 2
                bursar_run_duration_seconds_bucket{le="3600.0"} 2
                bursar_run_duration_seconds_bucket{le="14400.0"} 2
                bursar_run_duration_seconds_bucket{le="+Inf"} 2
                bursar_run_duration_seconds_sum 70.1
                bursar_run_duration_seconds_count 2
                # HELP bursar_runs_total Runs by module\nand outcome.
                # TYPE bursar_runs_total counter
                bursar_runs_total{module="re\"n\\"} 3
                # HELP bursar_slots No description.
                # TYPE bursar_slots gauge
                bursar_slots 2.5

                """#
        )
    }

    @Test("OpenMetrics names a counter without its suffix and ends with EOF")
    func openMetrics() {
        Counter(label: "bursar_runs", factory: registry).increment()
        let text = registry.render(.openMetrics)
        #expect(text.contains("# TYPE bursar_runs counter\nbursar_runs_total 1\n"))
        #expect(text.hasSuffix("# EOF\n"))
    }

    @Test("A label that Prometheus sets itself is refused and listed", arguments: ["job", "instance", "__name__"])
    func reservedLabel(_ label: String) {
        Counter(label: "bursar_runs_total", dimensions: [(label, "x")], factory: registry).increment()
        #expect(registry.render(.text).isEmpty)
        #expect(registry.refusals.count == 1)
    }

    @Test("One name cannot be two kinds")
    func twoKinds() {
        Counter(label: "bursar_x_total", factory: registry).increment()
        Meter(label: "bursar_x_total", factory: registry).set(5)
        #expect(registry.refusals == ["bursar_x_total: is a counter already"])
    }

    @Test("A label with too many values stops at the limit, and what is known goes on")
    func tooManySeries() {
        for number in 0...MetricsRegistry.maximumSeries {
            Counter(label: "bursar_x_total", dimensions: [("id", "\(number)")], factory: registry).increment()
        }
        Counter(label: "bursar_x_total", dimensions: [("id", "0")], factory: registry).increment()
        #expect(registry.refusals.count == 1)
        #expect(registry.render(.text).contains("bursar_x_total{id=\"0\"} 2\n"))
    }

    @Test("Names and labels of libraries are made to fit")
    func cleaning() {
        Counter(label: "hb.requests", dimensions: [("http.route", "/")], factory: registry).increment()
        #expect(registry.render(.text).contains("hb_requests_total{http_route=\"/\"} 1\n"))
    }

    @Test("Process metrics are there and believable")
    func process() throws {
        let process = ProcessMetrics(registry: registry)
        process.refresh()
        let lines = registry.render(.text).split(separator: "\n").filter { !$0.hasPrefix("#") }
        func value(_ name: String) -> Double? {
            lines.first { $0.hasPrefix(name + " ") }.flatMap { Double($0.dropFirst(name.count + 1)) }
        }
        #expect(try #require(value("process_resident_memory_bytes")) > 1_000_000)
        #expect(try #require(value("process_open_fds")) >= 3)
        #expect(try #require(value("process_threads")) >= 1)
        #expect(try #require(value("process_cpu_seconds_total")) > 0)
        #expect(try #require(value("process_start_time_seconds")) > 1_700_000_000)
    }

    @Test(
        "The scraper's header chooses the form",
        arguments: [
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                    + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", ExpositionFormat.openMetrics
            ),
            ("text/plain;version=0.0.4", .text), ("*/*", .text), (nil, .text),
            ("application/openmetrics-text; version=0.0.1", .text),
            ("application/openmetrics-text;q=0.1, text/plain", .text),
        ] as [(String?, ExpositionFormat)]
    )
    func negotiation(_ accept: String?, _ format: ExpositionFormat) {
        #expect(ExpositionFormat(accept: accept) == format)
    }
}
