import Glibc
import Telemetry
import Testing

@Suite("Notify socket")
struct NotifySocketTests {
    @Test(
        "The service manager hears each message, in the file system and in the abstract namespace",
        arguments: [true, false]
    )
    func messages(isAbstract: Bool) throws {
        let name = "/tmp/bursar-notify-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let manager = try ServiceManager(path: (isAbstract ? "@" : "") + name)
        defer { manager.close() }
        let socket = NotifySocket(path: (isAbstract ? "@" : "") + name)
        #expect(socket.isActive)
        #expect(socket.ready("3 running\nnext 02:05"))
        #expect(manager.next() == "READY=1\nSTATUS=3 running next 02:05")
        #expect(socket.stopping("draining", within: .seconds(90)))
        #expect(manager.next() == "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=90000000")
        #expect(socket.watchdog())
        #expect(manager.next() == "WATCHDOG=1")
        #expect(socket.reloading())
        #expect(manager.next().hasPrefix("RELOADING=1\nMONOTONIC_USEC="))
    }

    @Test("Without a service manager nothing is sent and nothing fails")
    func nobody() {
        let socket = NotifySocket(path: nil)
        #expect(!socket.isActive && !socket.ready("up"))
        #expect(!NotifySocket(path: "/tmp/bursar-no-manager").ready("up"))
    }

    @Test("The watchdog's interval counts only for the process it is meant for")
    func watchdog() {
        #expect(NotifySocket(path: nil, watchdogMicroseconds: 30_000_000).watchdogInterval == .seconds(30))
        #expect(NotifySocket(path: nil, watchdogMicroseconds: 30, watchdogProcess: 1).watchdogInterval == nil)
        #expect(NotifySocket(path: nil, watchdogMicroseconds: 0).watchdogInterval == nil)
    }
}

/// The receiving end of the notify protocol.
private struct ServiceManager {
    private let descriptor: Int32
    private let path: String

    init(path: String) throws {
        self.path = path
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(path.utf8)
        if path.hasPrefix("@") { name[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.bind(descriptor, $0, length) }
        }
        try #require(result == 0)
    }

    func next() -> String {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return String(decoding: bytes[..<max(0, count)], as: UTF8.self)
    }

    func close() {
        Glibc.close(descriptor)
        if !path.hasPrefix("@") { unlink(path) }
    }
}
