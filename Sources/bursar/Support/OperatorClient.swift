import Listener
import Outbound

/// Speaks to the running daemon through the operator socket.
struct OperatorClient: Sendable {
    private let socketPath: String
    private let client = HTTPClient()

    init(_ settings: Settings) { socketPath = settings.operatorSocket }

    /// What a route answers.
    ///
    /// - Throws: `Problem` when the daemon refuses, `OutboundError` when none answers.
    func get(_ path: String) async throws -> [UInt8] { try await send("GET", path, []) }

    /// Carries out a command; returns when it is done.
    ///
    /// - Throws: `Problem` when the daemon refuses, `OutboundError` when none answers.
    func perform(
        _ command: String,
        _ body: [UInt8] = Array("{}".utf8),
        within timeout: Duration = Self.patience
    ) async throws -> [UInt8] {
        try await send("POST", "/v1/\(command)", body, timeout)
    }

    private static let patience = Duration.seconds(120)

    private func send(
        _ method: String,
        _ path: String,
        _ body: [UInt8],
        _ timeout: Duration = Self.patience
    ) async throws -> [UInt8] {
        let response = try await client.send(
            HTTPRequest(
                method: method,
                url: "http://bursar\(path)",
                headers: body.isEmpty ? [] : [HTTPField("Content-Type", "application/json")],
                body: body,
                timeout: timeout,
                unixSocketPath: socketPath,
                maximumBytes: 64 << 20
            )
        )
        guard (200..<300).contains(response.status) else {
            throw Problem(json: response.body)
                ?? Problem(status: response.status, title: "the daemon answered with status \(response.status)")
        }
        return response.body
    }
}
