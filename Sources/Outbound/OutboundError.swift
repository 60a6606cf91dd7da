/// Why a request had no complete answer.
///
/// It names the endpoint without user or query, and never carries a header or a body.
package struct OutboundError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What happened, as far as the caller has to tell cases apart.
    package struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Base: String {
            case couldNotConnect, couldNotResolve, insecure, timedOut, tooLarge, interrupted, invalidRequest, cancelled
            case closed, failed
        }
        private let base: Base

        /// Nobody listens there, or the socket's permissions keep us out.
        package static let couldNotConnect = Code(base: .couldNotConnect)
        /// The host's name has no address.
        package static let couldNotResolve = Code(base: .couldNotResolve)
        /// TLS could not be agreed on, or the certificate does not prove the host.
        package static let insecure = Code(base: .insecure)
        /// The time was over first.
        package static let timedOut = Code(base: .timedOut)
        /// The answer is longer than the request allowed.
        package static let tooLarge = Code(base: .tooLarge)
        /// The connection broke between request and answer.
        package static let interrupted = Code(base: .interrupted)
        /// The request itself is wrong: a scheme that is not allowed, a line break in a header, a path too long.
        package static let invalidRequest = Code(base: .invalidRequest)
        /// The task was cancelled while waiting.
        package static let cancelled = Code(base: .cancelled)
        /// The client was closed.
        package static let closed = Code(base: .closed)
        /// Anything else; the message says what.
        package static let failed = Code(base: .failed)

        package var description: String { base.rawValue }
    }

    package let code: Code
    /// Scheme, host and path of the request.
    package let endpoint: String
    /// libcurl's number, 0 where libcurl was not asked.
    package let curlCode: Int32
    package let message: String
    /// Whether the other side may have acted on the request: false only when it certainly never saw it.
    ///
    /// An outbound call that has an effect is `unknown`, not failed, when this is true.
    package let mayHaveArrived: Bool

    package init(code: Code, endpoint: String, curlCode: Int32 = 0, message: String, mayHaveArrived: Bool) {
        self.code = code
        self.endpoint = endpoint
        self.curlCode = curlCode
        self.message = message
        self.mayHaveArrived = mayHaveArrived
    }

    package var description: String { "\(endpoint): \(message)" }
}
