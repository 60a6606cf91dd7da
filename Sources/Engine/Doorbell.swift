/// Wakes one loop: rings that come while it works are remembered as one.
struct Doorbell: Sendable {
    private let rings = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    func ring() { rings.continuation.yield() }

    /// Every ring from now on, for one loop.
    var answers: AsyncStream<Void> { rings.stream }
}
