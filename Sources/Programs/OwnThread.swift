internal import Glibc

/// Runs what may block (a look-up of a user, files) on a thread of its own, so that no thread of the tasks waits for it.
package func onOwnThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        var id = pthread_t()
        let context = Unmanaged<AnyObject>.passRetained(Body { continuation.resume(returning: body()) })
        let failure = pthread_create(
            &id,
            nil,
            { raw in
                guard let raw else { return nil }
                (Unmanaged<AnyObject>.fromOpaque(raw).takeRetainedValue() as? Body)?.run()
                return nil
            },
            context.toOpaque()
        )
        guard failure != 0 else {
            pthread_detach(id)
            return
        }
        // The system is out of threads: late is better than never.
        context.release()
        continuation.resume(returning: body())
    }
}

/// Carries a closure through pthread_create's pointer.
private final class Body {
    let run: () -> Void

    init(_ run: @escaping () -> Void) { self.run = run }
}
