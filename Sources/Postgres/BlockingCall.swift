internal import CLinux
internal import Glibc
internal import SocketLoop
internal import Synchronization

/// A call that may block (name resolution, a cancel request), made on a thread of its own while a task waits for it with a
/// deadline.
///
/// A thread cannot be interrupted: when the task stops waiting, the call goes on, sees `isAbandoned`, and its late result
/// goes to `discard`.
final class BlockingCall<Value: Sendable>: Sendable {
    private enum State {
        case running
        case done(Value)
        case abandoned
    }

    private let state = Mutex(State.running)
    private let signal: Int32
    private let body: @Sendable (_ isAbandoned: () -> Bool) -> Value
    private let discard: @Sendable (Value) -> Void

    init(
        _ body: @escaping @Sendable (_ isAbandoned: () -> Bool) -> Value,
        discard: @escaping @Sendable (Value) -> Void = { _ in }
    ) {
        self.body = body
        self.discard = discard
        signal = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
    }

    deinit { close(signal) }

    /// The call's result; nil when the deadline passed or the task was cancelled first.
    func value(
        on loop: SocketLoop,
        deadline: ContinuousClock.Instant,
        cancellable: Bool = true,
        isolation: isolated (any Actor)? = #isolation
    ) async -> Value? {
        guard signal >= 0, start() else { return nil }
        _ = await loop.ready(signal, .read, deadline: deadline, cancellable: cancellable, isolation: isolation)
        loop.forget(signal)
        return state.withLock { state in
            if case .done(let value) = state { return value }
            state = .abandoned
            return nil
        }
    }

    private func start() -> Bool {
        var id = pthread_t()
        let context = Unmanaged<AnyObject>.passRetained(Runner { self.run() })
        let failure = pthread_create(
            &id,
            nil,
            { raw in
                guard let raw else { return nil }
                (Unmanaged<AnyObject>.fromOpaque(raw).takeRetainedValue() as? Runner)?.run()
                return nil
            },
            context.toOpaque()
        )
        if failure == 0 { pthread_detach(id) } else { context.release() }
        return failure == 0
    }

    private func run() {
        let value = body { state.withLock { if case .abandoned = $0 { true } else { false } } }
        let isLate = state.withLock { state in
            if case .abandoned = state { return true }
            state = .done(value)
            return false
        }
        if isLate { return discard(value) }
        var one: UInt64 = 1
        _ = write(signal, &one, 8)
    }
}

/// Carries a closure through pthread_create's pointer.
private final class Runner {
    let run: () -> Void

    init(_ run: @escaping () -> Void) { self.run = run }
}
