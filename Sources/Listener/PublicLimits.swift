/// How much the public listener puts up with.
package struct PublicLimits: Sendable {
    /// From a request's first byte, or from connecting, to the end of its head.
    package var headTimeout: Duration = .seconds(10)
    /// From the end of the head to the end of the body.
    package var bodyTimeout: Duration = .seconds(15)
    /// From the end of the body to the answer.
    package var answerTimeout: Duration = .seconds(30)
    /// How long a connection may stay without a request.
    package var idleTimeout: Duration = .seconds(75)
    /// Bytes of all header fields together.
    package var headerBytes = 8 << 10
    package var headerFields = 64
    package var connections = 1024
    /// Of one address; a trusted proxy may have as many as there are.
    package var connectionsPerAddress = 64
    /// Of a body that is thrown away, so that the connection can be used again.
    package var discardedBytes = 256 << 10

    package init() {}

    /// How often a connection looks at its deadline: as exact as the shortest of them needs it.
    var tick: Duration {
        let shortest = [headTimeout, bodyTimeout, answerTimeout, idleTimeout].min() ?? .seconds(1)
        return max(.milliseconds(20), min(.seconds(1), shortest / 4))
    }
}
