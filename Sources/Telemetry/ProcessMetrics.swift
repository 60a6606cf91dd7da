import Glibc

/// The process itself: memory, CPU time, file descriptors and start, under the names that Prometheus's own clients use.
///
/// `/proc/self` is enough: the hardened unit hides the rest of `/proc`.
package struct ProcessMetrics: Sendable {
    private let registry: MetricsRegistry

    /// Measures into this registry from now on; the start time is that of the process.
    package init(registry: MetricsRegistry) {
        self.registry = registry
        let now = UTCTime.now
        set("process_start_time_seconds", (Double(now.tv_sec) + Double(now.tv_nsec) / 1e9 - Self.age).rounded())
    }

    /// Takes the numbers of now; called before each scrape.
    package func refresh() {
        if let pages = Self.words(of: "/proc/self/statm"), pages.count > 1 {
            let size = Double(sysconf(Int32(_SC_PAGESIZE)))
            set("process_virtual_memory_bytes", (Double(pages[0]) ?? 0) * size)
            set("process_resident_memory_bytes", (Double(pages[1]) ?? 0) * size)
        }
        var usage = rusage()
        if getrusage(RUSAGE_SELF.rawValue, &usage) == 0 {
            let whole = Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
            let micros = Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
            set("process_cpu_seconds_total", whole + micros / 1e6, .counter)
        }
        if let count = Self.entries(of: "/proc/self/fd") { set("process_open_fds", Double(count)) }
        if let count = Self.entries(of: "/proc/self/task") { set("process_threads", Double(count)) }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            set("process_max_fds", Double(limit.rlim_cur))
        }
    }

    /// What the metrics of this type are for.
    package static func describe(in registry: MetricsRegistry) {
        registry.describe([
            MetricDescription("process_resident_memory_bytes", "Resident memory size in bytes."),
            MetricDescription("process_virtual_memory_bytes", "Virtual memory size in bytes."),
            MetricDescription("process_cpu_seconds_total", "User and system CPU time spent in seconds."),
            MetricDescription("process_open_fds", "Number of open file descriptors."),
            MetricDescription("process_max_fds", "Maximum number of open file descriptors."),
            MetricDescription("process_threads", "Number of threads."),
            MetricDescription(
                "process_start_time_seconds",
                "Start time of the process since the Unix epoch in seconds."
            ),
        ])
    }

    private func set(_ name: String, _ value: Double, _ kind: MetricKind = .gauge) {
        registry.number(name, [], kind)?.set(value)
    }

    /// Seconds since the process started, by its ticks since boot.
    private static var age: Double {
        guard let stat = text(of: "/proc/self/stat"), let end = stat.lastIndex(of: ")") else { return 0 }
        let words = stat[end...].split(separator: " ")
        // Field 22 of proc(5); the name in brackets is field 2 and stands at 0 here.
        guard words.count > 20, let ticks = Double(words[20]) else { return 0 }
        var up = timespec()
        clock_gettime(CLOCK_BOOTTIME, &up)
        return Double(up.tv_sec) + Double(up.tv_nsec) / 1e9 - ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    private static func words(of path: String) -> [Substring]? { text(of: path)?.split(separator: " ") }

    private static func text(of path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(file, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }

    private static func entries(of path: String) -> Int? {
        guard let folder = opendir(path) else { return nil }
        defer { closedir(folder) }
        var count = 0
        while let entry = readdir(folder) {
            if entry.pointee.d_name.0 != CChar(bitPattern: UInt8(ascii: ".")) { count += 1 }
        }
        return count
    }
}
