import Glibc

/// How much memory the programs take that something starts.
enum ProgramMemory {
    /// Watches every process whose words name a path, this one excepted, until the body has ended.
    ///
    /// - Returns: the largest resident size of any of them, in MiB; 0 where there was none.
    static func largest(naming path: String, _ body: @escaping @Sendable () async throws -> Void) async throws -> Double
    {
        try await withThrowingTaskGroup(of: Double?.self) { group in
            group.addTask {
                try await body()
                return nil
            }
            group.addTask {
                var largest = 0.0
                while !Task.isCancelled {
                    largest = max(largest, look(path))
                    // Waiting: what other processes have taken until now is asked again and again.
                    try? await Task.sleep(for: .milliseconds(20))
                }
                return largest
            }
            _ = try await group.next()
            group.cancelAll()
            return try await group.next().flatMap(\.self) ?? 0
        }
    }

    private static func look(_ path: String) -> Double {
        guard let folder = opendir("/proc") else { return 0 }
        defer { closedir(folder) }
        var largest = 0.0
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let process = Int32(name), process != getpid(),
                Machine.text("/proc/\(name)/cmdline")?.contains(path) == true,
                let peak = Machine.field("VmHWM", of: "/proc/\(name)/status")
            else { continue }
            largest = max(largest, peak.split(separator: " ").first.flatMap { Double($0) } ?? 0)
        }
        return largest / 1024
    }
}
