import Glibc

/// What the figures were measured on, in plain words.
struct Machine: Encodable, Sendable {
    let processor: String
    let cores: Int
    let memoryGib: Double
    let kernel: String
    let build: String
    /// Null where no database was measured.
    var postgresql: String?
    /// The largest share of all processors, from 0 to 1, that other work took just before a measurement: the noise.
    var busyBefore = 0.0
    /// How long a measurement waits for other work to leave the processors alone.
    private let patience: Duration

    private enum CodingKeys: String, CodingKey {
        case processor, cores, memoryGib, kernel, build, postgresql, busyBefore
    }

    init(patience: Duration = .zero) {
        self.patience = patience
        processor = Self.field("model name", of: "/proc/cpuinfo") ?? "unknown processor"
        cores = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        let pages = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
        memoryGib = (Double(pages) / 1_073_741_824 * 10).rounded() / 10
        kernel = Self.text("/proc/sys/kernel/osrelease")?.split(separator: "\n").first.map(String.init) ?? "unknown"
        #if DEBUG
        build = "debug"
        #else
        build = "release"
        #endif
    }

    var text: String {
        let database = postgresql.map { ", PostgreSQL \($0)" } ?? ""
        return "\(processor), \(cores) cores, \(memoryGib.short) GiB, Linux \(kernel)\(database), \(build) build;"
            + " other work took up to \(Int(busyBefore * 100)) % of the processors"
    }

    /// Waits until other work leaves the processors alone, for as long as it has patience, and notes how it was.
    mutating func waitForQuiet() async throws {
        let end = ContinuousClock.now + patience
        var share = try await Self.busyShare()
        while share > 0.25, ContinuousClock.now < end { share = try await Self.busyShare() }
        busyBefore = max(busyBefore, share)
    }

    /// The share of the processors that was busy during a second.
    private static func busyShare() async throws -> Double {
        let before = processorTimes()
        // Waiting: the second that is measured.
        try await Task.sleep(for: .seconds(1))
        let after = processorTimes()
        let all = after.all - before.all
        return all > 0 ? 1 - Double(after.idle - before.idle) / Double(all) : 0
    }

    /// In ticks, since the start of the machine.
    private static func processorTimes() -> (all: Int, idle: Int) {
        let line = text("/proc/stat")?.split(separator: "\n").first ?? ""
        let times = line.split(separator: " ").dropFirst().prefix(8).compactMap { Int($0) }
        guard times.count == 8 else { return (0, 0) }
        return (times.reduce(0, +), times[3] + times[4])
    }

    /// A line `name : value` of a file of /proc.
    static func field(_ name: String, of path: String) -> String? {
        guard let line = text(path)?.split(separator: "\n").first(where: { $0.hasPrefix(name) }) else { return nil }
        guard let colon = line.firstIndex(of: ":") else { return nil }
        return String(line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" })
    }

    /// Files of /proc say that they are empty, so they are read to their end.
    static func text(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }
}
