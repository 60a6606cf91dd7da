import Glibc

/// Tells the service manager how the daemon is (sd_notify(3)): a no-op where `NOTIFY_SOCKET` is not set.
package struct NotifySocket: Sendable {
    private let path: String?
    /// How often the service manager wants to hear `watchdog()`; null when it does not watch this process.
    ///
    /// A ping every third of it leaves room for one that is late.
    package let watchdogInterval: Duration?

    /// Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` of this process.
    package init() {
        self.init(
            path: Environment.value("NOTIFY_SOCKET"),
            watchdogMicroseconds: Environment.value("WATCHDOG_USEC").flatMap { Int64($0) },
            watchdogProcess: Environment.value("WATCHDOG_PID").flatMap { Int32($0) }
        )
    }

    /// A path that begins with `@` is an abstract socket.
    package init(path: String?, watchdogMicroseconds: Int64? = nil, watchdogProcess: Int32? = nil) {
        let isUsable = path.map { ($0.hasPrefix("/") || $0.hasPrefix("@")) && $0.utf8.count < 108 } ?? false
        self.path = isUsable ? path : nil
        let isForUs = watchdogProcess == nil || watchdogProcess == getpid()
        watchdogInterval = watchdogMicroseconds.flatMap { isForUs && $0 > 0 ? .microseconds($0) : nil }
    }

    /// Whether anybody listens to what this process tells.
    package var isActive: Bool { path != nil }

    /// The daemon serves.
    @discardableResult
    package func ready(_ status: String) -> Bool { send(["READY=1", Self.status(status)]) }

    /// New schedule files are being read, until `ready` says that they are in force.
    ///
    /// The time makes `Type=notify-reload` work too.
    @discardableResult
    package func reloading() -> Bool {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let microseconds = Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
        return send(["RELOADING=1", "MONOTONIC_USEC=\(microseconds)", "STATUS=reading the schedule files"])
    }

    /// The daemon drains; it asks for this much more time to do so.
    @discardableResult
    package func stopping(_ status: String, within time: Duration? = nil) -> Bool {
        var lines = ["STOPPING=1", Self.status(status)]
        if let time { lines.append("EXTEND_TIMEOUT_USEC=\(time.components.seconds * 1_000_000)") }
        return send(lines)
    }

    /// What `systemctl status` shows: one line of live truth.
    @discardableResult
    package func status(_ text: String) -> Bool { send([Self.status(text)]) }

    /// The daemon makes progress.
    @discardableResult
    package func watchdog() -> Bool { send(["WATCHDOG=1"]) }

    private static func status(_ text: String) -> String {
        "STATUS=" + String(text.map { $0.isNewline ? " " : $0 })
    }

    private func send(_ lines: [String]) -> Bool {
        guard let path else { return false }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(path.utf8)
        if name.first == UInt8(ascii: "@") { name[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        let message = Array(lines.joined(separator: "\n").utf8)
        let sent = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                sendto(descriptor, message, message.count, Int32(MSG_NOSIGNAL), address, length)
            }
        }
        return sent == message.count
    }
}
