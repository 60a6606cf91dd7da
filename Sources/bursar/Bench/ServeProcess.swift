import Glibc

/// A `bursar serve` of this same executable, as a process of its own, and what the kernel says of its memory.
struct ServeProcess: Sendable {
    private let process: pid_t

    /// Starts it on the private server of these settings; it logs warnings to our standard error.
    init(_ settings: Settings, _ flags: [String] = []) throws(BenchFailure) {
        let words =
            [
                "bursar", "serve", "--set", "dev.directory=\(settings.database.developmentDirectory)",
                "--set", "environment=development", "--set", "log.level=warning",
            ] + flags.flatMap { ["--set", $0] }
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process = pid_t()
        let failed = posix_spawn(&process, "/proc/self/exe", nil, nil, &arguments, environ)
        guard failed == 0 else {
            throw BenchFailure("the daemon could not be started: \(String(cString: strerror(failed)))")
        }
        self.process = process
    }

    /// One of several, with so many slots.
    init(_ settings: Settings, slots: Int, number: Int) throws(BenchFailure) {
        try self.init(
            settings,
            [
                "node.slots=\(slots)", "node.name=bench-\(number)",
                "operator.socket=\(settings.operatorSocket).\(number)",
                "schedules=\(settings.database.developmentDirectory)/schedules",
            ]
        )
    }

    /// Its share of the memory that it uses, shared libraries divided among their users: PSS, in MiB.
    var proportionalSize: Double { get throws(BenchFailure) { try size("Pss:", of: "smaps_rollup") } }

    /// The largest resident size so far, shared libraries in full: VmHWM, in MiB.
    var largestResidentSize: Double { get throws(BenchFailure) { try size("VmHWM:", of: "status") } }

    /// The time that it has spent on processors so far, its own and the kernel's for it, in seconds.
    var processorTime: Double {
        get throws(BenchFailure) {
            guard let line = Machine.text("/proc/\(process)/stat"), let end = line.lastIndex(of: ")") else {
                throw BenchFailure("the daemon has ended, or /proc/\(process)/stat cannot be read")
            }
            // The fields after the program's name; the 14th and 15th of all are what is wanted.
            let fields = line[line.index(after: end)...].split(separator: " ")
            guard fields.count > 12, let user = Double(fields[11]), let kernel = Double(fields[12]) else {
                throw BenchFailure("/proc/\(process)/stat reads otherwise than expected")
            }
            return (user + kernel) / Double(sysconf(Int32(_SC_CLK_TCK)))
        }
    }

    /// Tells it to drain, and waits until it has ended.
    func stop() async throws {
        kill(process, SIGTERM)
        var status: Int32 = 0
        while waitpid(process, &status, WNOHANG) == 0 {
            // Waiting: a child that ends is asked for, again and again.
            await Task { try? await Task.sleep(for: .milliseconds(20)) }.value
        }
        guard status == 0 else { throw BenchFailure("the daemon ended with status \(status)") }
    }

    private func size(_ field: String, of file: String) throws(BenchFailure) -> Double {
        let name = String(field.dropLast())
        guard let text = Machine.field(name, of: "/proc/\(process)/\(file)"),
            let kibibytes = text.split(separator: " ").first.flatMap({ Double($0) })
        else { throw BenchFailure("the daemon has ended, or /proc/\(process)/\(file) cannot be read") }
        return kibibytes / 1024
    }
}
