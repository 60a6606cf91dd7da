import CCurl
import Synchronization

/// Sends HTTP requests without ever blocking the cooperative pool: all of libcurl runs on one thread of its own.
///
/// The thread starts with the first request and ends with the client. Connections are kept and used again.
package final class HTTPClient: Sendable {
    private let loop = Mutex<TransferLoop?>(nil)
    private let isClosed = Atomic(false)

    package init() {}

    deinit { close() }

    /// Sends one request and waits for the complete answer, whatever its status is.
    ///
    /// Cancelling the task ends the transfer.
    /// - Throws: `OutboundError` when there is no complete answer.
    package func send(_ request: HTTPRequest) async throws(OutboundError) -> HTTPResponse {
        if let fault = request.fault {
            throw OutboundError(
                code: .invalidRequest,
                endpoint: request.endpoint,
                message: fault,
                mayHaveArrived: false
            )
        }
        guard let loop = runningLoop() else { throw .closed(request) }
        return try await loop.perform(request).get()
    }

    /// Ends the thread; requests under way and later ones throw `.closed`.
    package func close() {
        isClosed.store(true, ordering: .sequentiallyConsistent)
        loop.withLock { loop in
            loop?.stop()
            loop = nil
        }
    }

    private func runningLoop() -> TransferLoop? {
        loop.withLock { loop in
            if isClosed.load(ordering: .sequentiallyConsistent) { return nil }
            if loop == nil { loop = TransferLoop() }
            return loop
        }
    }
}

extension OutboundError {
    static func closed(_ request: HTTPRequest) -> OutboundError {
        OutboundError(
            code: .closed,
            endpoint: request.endpoint,
            message: "the HTTP client was closed",
            mayHaveArrived: true
        )
    }
}

extension HTTPRequest {
    /// What makes this request impossible to send, if anything: found before libcurl sees it.
    fileprivate var fault: String? {
        let lines = [method, url] + headers.flatMap { [$0.name, $0.value] }
        if lines.contains(where: { $0.utf8.contains { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F } }) {
            return "a control character in method, URL or header"
        }
        if method.isEmpty || method.utf8.contains(UInt8(ascii: " ")) { return "'\(method)' is no HTTP method" }
        if headers.contains(where: { $0.name.isEmpty || $0.name.utf8.contains(UInt8(ascii: ":")) }) {
            return "a header needs a name without a colon"
        }
        if let unixSocketPath, unixSocketPath.utf8.count > 107 {
            return "the socket's path is longer than 107 bytes: \(unixSocketPath)"
        }
        if let pinnedAddress, !pinnedAddress.utf8.allSatisfy({ "0123456789abcdefABCDEF.:".utf8.contains($0) }) {
            return "'\(pinnedAddress)' is no address in digits"
        }
        return nil
    }
}
