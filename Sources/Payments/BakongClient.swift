package import JobKit
internal import Logging
internal import Metrics
package import Outbound
internal import Synchronization

/// Who carries requests: libcurl, or a test.
package protocol BakongTransport: Sendable {
    /// Sends one request; an `OutboundError` says that there is no complete answer.
    func send(_ request: HTTPRequest) async throws -> HTTPResponse
}

extension HTTPClient: BakongTransport {}

/// The Bakong Open API, one for a process; ``within(_:)`` says on whose behalf it is called.
///
/// ```swift
/// let findings = try await bakong.within(context).lookup(md5s: keys)
/// ```
package struct BakongClient: Sendable {
    /// The name by which limits, circuit and alarms know it.
    package static let provider = "bakong"

    package let settings: BakongSettings
    let transport: any BakongTransport
    let memory = BakongMemory()

    package init(_ settings: BakongSettings, transport: any BakongTransport = HTTPClient()) {
        self.settings = settings
        self.transport = transport
    }

    /// The calls, made by a run or by a command of an operator.
    package func within(_ context: some CallingContext) -> BakongCalls { BakongCalls(client: self, context: context) }
}

/// What a process keeps in mind between calls; losing it costs a call or two.
final class BakongMemory: Sendable {
    private struct State {
        var closedLists: [BakongEndpoint: ContinuousClock.Instant] = [:]
        var hasToldLimits = false
    }

    private let state = Mutex(State())

    /// How long a list endpoint that gave nothing of use is left alone.
    static let rest = Duration.seconds(900)

    func isClosed(_ list: BakongEndpoint) -> Bool {
        state.withLock { $0.closedLists[list].map { $0 > .now } ?? false }
    }

    func close(_ list: BakongEndpoint, for rest: Duration = BakongMemory.rest) {
        state.withLock { $0.closedLists[list] = .now + rest }
    }

    /// A new token may open what an expired one found closed.
    func openAll() { state.withLock { $0.closedLists = [:] } }

    var hasToldLimits: Bool {
        get { state.withLock(\.hasToldLimits) }
        set { state.withLock { $0.hasToldLimits = newValue } }
    }
}
