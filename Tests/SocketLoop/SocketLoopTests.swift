import Glibc
import SocketLoop
import Synchronization
import Testing

@Suite("Socket loop")
struct SocketLoopTests {
    @Test("A sleep ends at its deadline and not before")
    func sleeps() async throws {
        try await withLoop { loop in
            let start = ContinuousClock.now
            #expect(await loop.sleep(until: start + .milliseconds(30)) == .timedOut)
            #expect(ContinuousClock.now - start >= .milliseconds(30))
        }
    }

    @Test("A wait ends when the descriptor has something to read")
    func readiness() async throws {
        try await withLoop { loop in
            try await withPipe { reader, writer in
                async let readiness = loop.ready(reader, .read, deadline: .now + .seconds(10))
                _ = write(writer, "x", 1)
                #expect(await readiness == .ready)
            }
        }
    }

    @Test("A wait without news ends at its deadline, and the descriptor can be waited for again")
    func deadline() async throws {
        try await withLoop { loop in
            try await withPipe { reader, writer in
                #expect(await loop.ready(reader, .read, deadline: .now + .milliseconds(20)) == .timedOut)
                _ = write(writer, "x", 1)
                #expect(await loop.ready(reader, .read, deadline: .now + .seconds(10)) == .ready)
            }
        }
    }

    @Test("Cancelling the task ends its wait", arguments: [true, false])
    func cancellation(beforeTheWait: Bool) async throws {
        try await withLoop { loop in
            try await withPipe { reader, _ in
                let gate = Mutex(false)
                let task = Task {
                    while beforeTheWait, !Task.isCancelled { await Task.yield() }
                    gate.withLock { $0 = true }
                    return await loop.ready(reader, .read, deadline: .now + .seconds(10))
                }
                while !beforeTheWait, !gate.withLock({ $0 }) { await Task.yield() }
                task.cancel()
                #expect(await task.value == .cancelled)
            }
        }
    }

    @Test("A wait that must not be cancelled outlives its task's cancellation")
    func uncancellable() async throws {
        try await withLoop { loop in
            try await withPipe { reader, _ in
                let task = Task {
                    await loop.ready(reader, .read, deadline: .now + .milliseconds(50), cancellable: false)
                }
                task.cancel()
                #expect(await task.value == .timedOut)
            }
        }
    }

    @Test("Forgetting a descriptor ends its wait")
    func forgetting() async throws {
        try await withLoop { loop in
            try await withPipe { reader, _ in
                let wait = Task { await loop.ready(reader, .read, deadline: .now + .seconds(10)) }
                // Again and again: the first may come before the wait.
                let forgetter = Task {
                    while !Task.isCancelled {
                        loop.forget(reader)
                        await Task.yield()
                    }
                }
                #expect(await wait.value == .closed)
                forgetter.cancel()
            }
        }
    }

    @Test("Stopping the loop ends every wait, and jobs that come later still run")
    func stopping() async throws {
        let loop = try SocketLoop()
        async let sleep = loop.sleep(until: .now + .seconds(60))
        _ = loop.schedule(at: .now + .milliseconds(20)) { loop.stop() }
        #expect(await sleep == .closed)
        #expect(await loop.sleep(until: .now + .seconds(60)) == .closed)
        let counter = Counter(loop)
        await counter.add()
        #expect(await counter.count == 1)
    }

    @Test("Scheduled actions run in the order of their times, and an unscheduled one never")
    func timers() async throws {
        try await withLoop { loop in
            let order = Mutex<[Int]>([])
            let start = ContinuousClock.now
            for number in [3, 1, 4, 2, 5] {
                let ticket = loop.schedule(at: start + .milliseconds(20 * number)) {
                    order.withLock { $0.append(number) }
                }
                if number == 4 { loop.unschedule(ticket) }
            }
            #expect(await loop.sleep(until: start + .milliseconds(150)) == .timedOut)
            #expect(order.withLock { $0 } == [1, 2, 3, 5])
        }
    }

    @Test("No wake-up is lost however many tasks call at once")
    func hammering() async throws {
        try await withLoop { loop in
            let counter = Counter(loop)
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        for _ in 0..<5000 { await counter.add() }
                    }
                }
            }
            #expect(await counter.count == 40_000)
        }
    }

    private func withLoop(_ body: (SocketLoop) async throws -> Void) async throws {
        let loop = try SocketLoop()
        defer { loop.stop() }
        try await body(loop)
    }

    private func withPipe(_ body: (_ reader: Int32, _ writer: Int32) async throws -> Void) async throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer {
            close(ends[0])
            close(ends[1])
        }
        try await body(ends[0], ends[1])
    }
}

private actor Counter {
    private let loop: SocketLoop
    private(set) var count = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(_ loop: SocketLoop) { self.loop = loop }

    func add() { count += 1 }
}
