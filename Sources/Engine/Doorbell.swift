internal import Synchronization

/// Wakes one loop: rings that come while it works are remembered as one.
struct Doorbell: Sendable {
    private final class AlarmClock: Sendable {
        let lastSet = Atomic<UInt64>(0)
    }

    private let rings = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    private let clock = AlarmClock()

    func ring() { rings.continuation.yield() }

    /// Rings when the wait is over, unless another wait was begun meanwhile.
    func ring(after wait: Duration) async {
        let mine = clock.lastSet.add(1, ordering: .relaxed).newValue
        // Waiting: what this rings for is due by the clock.
        try? await Task.sleep(for: wait)
        if clock.lastSet.load(ordering: .relaxed) == mine { ring() }
    }

    /// Every ring from now on, for one loop.
    var answers: AsyncStream<Void> { rings.stream }
}
