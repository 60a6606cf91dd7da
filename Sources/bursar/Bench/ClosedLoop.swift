import CLinux
import Dispatch
import Glibc

/// What is said over a connection of a load, and when its answer is complete.
protocol LoadExchange: Sendable {
    /// The bytes of a request.
    func request(_ number: Int) -> [UInt8]

    /// Whether these bytes are a complete answer.
    ///
    /// - Throws: the answer is not the one that is wanted.
    func isComplete(_ answer: ArraySlice<UInt8>) throws -> Bool
}

/// Requests over many connections, each sending its next one when it has its answer: one thread for all of them, so that the
/// load costs as little as it can on the processors that it shares with what it measures.
struct ClosedLoop {
    /// What a load came to.
    struct Facts: Sendable {
        let took: Duration
        /// Of each request, in milliseconds, rising.
        let latencies: [Double]

        var perSecond: Double { Double(latencies.count) / (took / .seconds(1)) }

        /// The latency that so many of a hundred do not exceed.
        func percentile(_ share: Int) -> Double {
            guard !latencies.isEmpty else { return 0 }
            return latencies[min(latencies.count - 1, (latencies.count * share + 99) / 100 - 1)]
        }
    }

    private struct Peer {
        let descriptor: Int32
        var answer: [UInt8] = []
        var sent: Int64 = 0
    }

    private var peers: [Peer]
    private let epoll: Int32

    /// - Parameter descriptors: connected sockets; they are closed afterwards by whoever made them.
    /// - Throws: `BenchFailure` where the kernel refuses.
    private init(_ descriptors: [Int32]) throws {
        peers = descriptors.map { Peer(descriptor: $0) }
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else { throw BenchFailure("epoll: \(String(cString: strerror(errno)))") }
        for (place, descriptor) in descriptors.enumerated() {
            var event = epoll_event()
            event.events = EPOLLIN.rawValue
            event.data.u32 = UInt32(place)
            epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event)
        }
    }

    /// Sends requests of these numbers over the connections, off the cooperative pool.
    static func run(
        _ descriptors: [Int32],
        _ numbers: Range<Int>,
        _ exchange: some LoadExchange
    ) async throws -> Facts {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(
                    with: Result {
                        var loop = try ClosedLoop(descriptors)
                        defer { close(loop.epoll) }
                        return try loop.run(numbers, exchange)
                    }
                )
            }
        }
    }

    private mutating func run(_ numbers: Range<Int>, _ exchange: some LoadExchange) throws -> Facts {
        var latencies: [Double] = []
        latencies.reserveCapacity(numbers.count)
        var next = numbers.lowerBound
        var events = [epoll_event](repeating: epoll_event(), count: peers.count)
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let began = Self.nanoseconds
        for place in peers.indices where next < numbers.upperBound {
            try send(exchange.request(next), place)
            next += 1
        }
        while latencies.count < numbers.count {
            let ready = epoll_wait(epoll, &events, Int32(events.count), 30_000)
            if ready < 0, errno == EINTR { continue }
            guard ready > 0 else { throw BenchFailure("no answer came for 30 seconds") }
            for event in events[..<Int(ready)] {
                let place = Int(event.data.u32)
                let count = recv(peers[place].descriptor, &buffer, buffer.count, 0)
                guard count > 0 else { throw BenchFailure("a connection was closed in the middle of the load") }
                peers[place].answer += buffer[..<count]
                guard try exchange.isComplete(peers[place].answer[...]) else { continue }
                latencies.append(Double(Self.nanoseconds - peers[place].sent) / 1_000_000)
                peers[place].answer.removeAll(keepingCapacity: true)
                guard next < numbers.upperBound else { continue }
                try send(exchange.request(next), place)
                next += 1
            }
        }
        let took = Duration.nanoseconds(Self.nanoseconds - began)
        return Facts(took: took, latencies: latencies.sorted())
    }

    private mutating func send(_ bytes: [UInt8], _ place: Int) throws {
        peers[place].sent = Self.nanoseconds
        try Socket.send(bytes, peers[place].descriptor)
    }

    private static var nanoseconds: Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }
}

/// Plain blocking sockets.
enum Socket {
    /// Sends all bytes; what one request has fits the kernel's buffer, so it does not wait.
    static func send(_ bytes: [UInt8], _ descriptor: Int32) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.send(
                    descriptor,
                    buffer.baseAddress?.advanced(by: sent),
                    buffer.count - sent,
                    Int32(MSG_NOSIGNAL)
                )
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw BenchFailure("a request was not sent: \(String(cString: strerror(errno)))") }
            sent += count
        }
    }

    /// Connects to a port of this machine.
    static func loopback(_ port: Int) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        let failed = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard failed == 0 else {
            close(descriptor)
            throw BenchFailure("nobody answers on port \(port): \(String(cString: strerror(errno)))")
        }
        return descriptor
    }

    /// Connects to a socket of the file system.
    static func unix(_ path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let failed = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard failed == 0 else {
            close(descriptor)
            throw BenchFailure("nobody answers on \(path): \(String(cString: strerror(errno)))")
        }
        return descriptor
    }

    /// A port that nobody listens on now.
    static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let failed = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) != 0 || getsockname(descriptor, $0, &length) != 0
            }
        }
        guard !failed else { throw BenchFailure("no port is free: \(String(cString: strerror(errno)))") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
