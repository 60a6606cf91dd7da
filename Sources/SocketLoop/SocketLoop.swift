internal import CLinux
internal import Glibc
internal import Synchronization

/// One thread with one epoll set: the serial executor of every actor that owns a socket, and their clock.
///
/// An actor whose `unownedExecutor` is this loop runs on the loop's own thread, so a wait for readiness resumes in place
/// and nothing else touches its socket meanwhile. Whatever runs here must not block.
///
/// The loop keeps running jobs for as long as there are any, even after `stop()`: an actor that is still finishing never
/// hangs. Waits end with `.closed` once the loop is stopped.
package final class SocketLoop: SerialExecutor, Sendable {
    /// What a wait for a descriptor waits for.
    package enum Interest: Sendable {
        case read, write, either

        var events: UInt32 {
            switch self {
            case .read: EPOLLIN.rawValue
            case .write: EPOLLOUT.rawValue
            case .either: EPOLLIN.rawValue | EPOLLOUT.rawValue
            }
        }
    }

    /// How a wait ended.
    package enum Readiness: Sendable, Equatable {
        /// The descriptor can be read or written, or has an error to report.
        case ready
        /// The deadline passed first.
        case timedOut
        /// The waiting task was cancelled.
        case cancelled
        /// The descriptor was forgotten, or the loop stopped.
        case closed
    }

    /// Names one wait or one timer.
    ///
    /// Never used twice in a process.
    package struct Ticket: Hashable, Sendable {
        fileprivate let number: UInt64
    }

    private enum Waiter {
        case descriptor(Int32, CheckedContinuation<Readiness, Never>)
        case sleeper(CheckedContinuation<Readiness, Never>)
        case action(@Sendable () -> Void)
    }

    /// A job, and whose it is: an actor's of this loop, or a task's that prefers its thread.
    private struct Work {
        let job: UnownedJob
        var tasks: UnownedTaskExecutor?
    }

    private struct State {
        var jobs: [Work] = []
        var waiters: [Ticket: Waiter] = [:]
        var ticketOfDescriptor: [Int32: Ticket] = [:]
        var registered: Set<Int32> = []
        var timers = TimerHeap()
        var isStopping = false
        var isThreadAlive = false
        var wakePosted = false
    }

    private let name: String
    private let epoll: Int32
    private let wakeDescriptor: Int32
    private let state = Mutex(State())
    private let lastTicket = Atomic<UInt64>(0)
    private let loopThread = Atomic<UInt>(0)

    /// Starts the loop's thread.
    ///
    /// - Throws: `SocketLoopError` when the kernel refuses a descriptor or a thread.
    package init(name: String = "sockets") throws(SocketLoopError) {
        self.name = name
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        wakeDescriptor = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        guard epoll >= 0, wakeDescriptor >= 0 else {
            throw SocketLoopError(call: epoll < 0 ? "epoll_create1" : "eventfd", errno: errno)
        }
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        event.data.fd = wakeDescriptor
        guard epoll_ctl(epoll, EPOLL_CTL_ADD, wakeDescriptor, &event) == 0 else {
            throw SocketLoopError(call: "epoll_ctl", errno: errno)
        }
        state.withLock { $0.isThreadAlive = true }
        let failure = startThread()
        guard failure == 0 else { throw SocketLoopError(call: "pthread_create", errno: failure) }
    }

    deinit {
        close(epoll)
        close(wakeDescriptor)
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        update { $0.jobs.append(Work(job: unowned)) }
    }

    fileprivate func enqueue(_ job: UnownedJob, of tasks: UnownedTaskExecutor) {
        update { $0.jobs.append(Work(job: job, tasks: tasks)) }
    }

    /// The loop's thread as a place for tasks: what prefers it runs there, however busy the other threads are.
    ///
    /// Whoever gives it to a task keeps it for as long as the task runs.
    package var tasks: Tasks { Tasks(loop: self) }

    /// See ``SocketLoop/tasks``.
    package final class Tasks: TaskExecutor {
        private let loop: SocketLoop

        fileprivate init(loop: SocketLoop) { self.loop = loop }

        package func enqueue(_ job: consuming ExecutorJob) {
            loop.enqueue(UnownedJob(job), of: asUnownedTaskExecutor())
        }
    }

    /// True on the loop's own thread.
    package func isIsolatingCurrentContext() -> Bool? { isOnLoopThread }

    /// Suspends the caller until the descriptor is ready, the deadline passes or its task is cancelled.
    ///
    /// A descriptor has one waiter: a second one ends the first with `.closed`.
    ///
    /// - Parameters:
    ///   - descriptor: an open descriptor that epoll can watch.
    ///   - interest: what to wait for.
    ///   - deadline: when to give up; nil waits without end.
    ///   - cancellable: false for waits that must also be made in a cancelled task, such as the one for a rollback.
    ///   - isolation: the caller's actor; leave it out.
    /// - Returns: how the wait ended.
    package func ready(
        _ descriptor: Int32,
        _ interest: Interest,
        deadline: ContinuousClock.Instant? = nil,
        cancellable: Bool = true,
        isolation: isolated (any Actor)? = #isolation
    ) async -> Readiness {
        await wait(deadline: deadline, cancellable: cancellable, isolation: isolation) { continuation, ticket in
            self.update { state in
                guard !state.isStopping, self.watch(descriptor, interest, &state) else { return .closed }
                if let previous = state.ticketOfDescriptor.updateValue(ticket, forKey: descriptor),
                    case .descriptor(_, let replaced) = state.waiters.removeValue(forKey: previous)
                {
                    replaced.resume(returning: .closed)
                }
                state.waiters[ticket] = .descriptor(descriptor, continuation)
                return nil
            }
        }
    }

    /// Suspends the caller until the deadline (`.timedOut`), or until its task is cancelled.
    package func sleep(
        until deadline: ContinuousClock.Instant,
        isolation: isolated (any Actor)? = #isolation
    ) async -> Readiness {
        await wait(deadline: deadline, cancellable: true, isolation: isolation) { continuation, ticket in
            self.update { state in
                guard !state.isStopping else { return .closed }
                state.waiters[ticket] = .sleeper(continuation)
                return nil
            }
        }
    }

    /// Runs an action on the loop's thread at the given time.
    ///
    /// The action must not block.
    package func schedule(at deadline: ContinuousClock.Instant, _ action: @escaping @Sendable () -> Void) -> Ticket {
        let ticket = newTicket()
        update { state in
            state.waiters[ticket] = .action(action)
            state.timers.insert(ticket, at: deadline)
        }
        return ticket
    }

    /// Takes back a scheduled action; without effect when it already ran.
    package func unschedule(_ ticket: Ticket) {
        settle(ticket, .cancelled)
    }

    /// Stops watching a descriptor, and ends its wait with `.closed`.
    ///
    /// Call it before the descriptor is closed.
    package func forget(_ descriptor: Int32) {
        let ticket = update { state in
            if state.registered.remove(descriptor) != nil { epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, nil) }
            return state.ticketOfDescriptor[descriptor]
        }
        if let ticket { settle(ticket, .closed) }
    }

    /// Ends every wait with `.closed` and lets the thread go once no job is left.
    package func stop() {
        let tickets = update { state in
            state.isStopping = true
            return Array(state.waiters.keys)
        }
        for ticket in tickets { settle(ticket, .closed) }
    }
}

// MARK: - Waiting

extension SocketLoop {
    private func newTicket() -> Ticket {
        Ticket(number: lastTicket.add(1, ordering: .relaxed).newValue)
    }

    /// Registers a continuation and guards it by a timer and by the task's cancellation.
    private func wait(
        deadline: ContinuousClock.Instant?,
        cancellable: Bool,
        isolation: isolated (any Actor)?,
        register: (CheckedContinuation<Readiness, Never>, Ticket) -> Readiness?
    ) async -> Readiness {
        let ticket = newTicket()
        func suspend() async -> Readiness {
            await withCheckedContinuation(isolation: isolation) { continuation in
                if let refusal = register(continuation, ticket) { return continuation.resume(returning: refusal) }
                if let deadline { update { $0.timers.insert(ticket, at: deadline) } }
                // The handler below may have run before there was anything to settle.
                if cancellable, Task.isCancelled { settle(ticket, .cancelled) }
            }
        }
        guard cancellable else { return await suspend() }
        return await withTaskCancellationHandler {
            await suspend()
        } onCancel: {
            settle(ticket, .cancelled)
        }
    }

    /// Ends a wait, once: whoever takes the waiter out of the table resumes it.
    private func settle(_ ticket: Ticket, _ readiness: Readiness) {
        let waiter = state.withLock { state in
            let waiter = state.waiters.removeValue(forKey: ticket)
            if case .descriptor(let descriptor, _) = waiter { state.ticketOfDescriptor[descriptor] = nil }
            if state.timers.count > 2 * state.waiters.count + 256 {
                state.timers.compact { [waiters = state.waiters] in waiters[$0] != nil }
            }
            return waiter
        }
        switch waiter {
        case .descriptor(_, let continuation), .sleeper(let continuation): continuation.resume(returning: readiness)
        case .action(let action): if readiness == .timedOut { action() }
        case nil: break
        }
    }

    private func watch(_ descriptor: Int32, _ interest: Interest, _ state: inout State) -> Bool {
        var event = epoll_event()
        event.events = interest.events | EPOLLONESHOT.rawValue
        event.data.fd = descriptor
        if !state.registered.insert(descriptor).inserted, epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event) == 0 {
            return true
        }
        if epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 { return true }
        state.registered.remove(descriptor)
        return false
    }
}

// MARK: - The thread

extension SocketLoop {
    private var isOnLoopThread: Bool { UInt(pthread_self()) == loopThread.load(ordering: .relaxed) }

    /// Changes the state and wakes the thread when that is needed: never from the loop's own thread, which looks at the
    /// state again before it sleeps, and once for many changes.
    private func update<Value>(_ change: (inout State) -> sending Value) -> sending Value {
        let onLoopThread = isOnLoopThread
        var wakes = false
        var starts = false
        let value = state.withLock { state in
            let value = change(&state)
            if !state.isThreadAlive {
                state.isThreadAlive = true
                starts = true
            } else if !onLoopThread, !state.wakePosted {
                state.wakePosted = true
                wakes = true
            }
            return value
        }
        if starts { _ = startThread() }
        if wakes {
            var one: UInt64 = 1
            _ = write(wakeDescriptor, &one, 8)
        }
        return value
    }

    private func startThread() -> Int32 {
        var id = pthread_t()
        let context = Unmanaged.passRetained(self)
        let failure = pthread_create(
            &id,
            nil,
            { raw in
                guard let raw else { return nil }
                Unmanaged<SocketLoop>.fromOpaque(raw).takeRetainedValue().run()
                return nil
            },
            context.toOpaque()
        )
        // A thread nobody joins must be detached, or its stack is kept.
        if failure == 0 { pthread_detach(id) } else { context.release() }
        return failure
    }

    private func run() {
        loopThread.store(UInt(pthread_self()), ordering: .relaxed)
        defer { _ = loopThread.compareExchange(expected: UInt(pthread_self()), desired: 0, ordering: .relaxed) }
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        while runJobs() {
            let count = epoll_wait(epoll, &events, Int32(events.count), millisecondsToWait())
            for index in 0..<max(0, Int(count)) { dispatch(events[index].data.fd) }
            expireTimers()
        }
    }

    /// Runs all queued jobs.
    ///
    /// False when the loop was stopped and nothing is left: the thread then ends.
    private func runJobs() -> Bool {
        let executor = asUnownedSerialExecutor()
        var batch: [Work] = []
        while true {
            let goesOn = state.withLock { state in
                swap(&state.jobs, &batch)
                if batch.isEmpty, state.isStopping { state.isThreadAlive = false }
                return state.isThreadAlive
            }
            if batch.isEmpty { return goesOn }
            for work in batch {
                if let tasks = work.tasks {
                    work.job.runSynchronously(on: tasks)
                } else {
                    work.job.runSynchronously(on: executor)
                }
            }
            batch.removeAll(keepingCapacity: true)
        }
    }

    private func dispatch(_ descriptor: Int32) {
        if descriptor == wakeDescriptor {
            // Read first, then clear the flag: the other way round a write between the two is swallowed.
            var value: UInt64 = 0
            _ = read(wakeDescriptor, &value, 8)
            state.withLock { $0.wakePosted = false }
        } else if let ticket = state.withLock({ $0.ticketOfDescriptor[descriptor] }) {
            settle(ticket, .ready)
        }
    }

    /// Rounded up, so that a timer is never looked at just before its time and then spun on.
    private func millisecondsToWait() -> Int32 {
        guard let earliest = state.withLock({ $0.timers.earliest }) else { return -1 }
        let (seconds, attoseconds) = (earliest - .now).components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        guard seconds < 3600 else { return 3_600_000 }
        return Int32(seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1)
    }

    private func expireTimers() {
        let now = ContinuousClock.now
        while let ticket = state.withLock({ $0.timers.popExpired(at: now) }) { settle(ticket, .timedOut) }
    }
}

/// The kernel refused what the loop needs.
package struct SocketLoopError: Error, CustomStringConvertible {
    /// The system call that failed.
    package let call: String
    /// Its error number.
    package let errno: Int32

    package var description: String {
        "cannot start the socket loop: \(call) failed (\(String(cString: strerror(errno))));"
            + " check the limits on open files and threads"
    }
}
