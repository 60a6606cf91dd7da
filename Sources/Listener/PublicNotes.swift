package import Logging
internal import Metrics
internal import Telemetry

/// What the public listener says about requests that it refuses itself: to the sender an id, to the log the reason.
package struct PublicNotes: Sendable {
    private let logger: Logger

    package init(_ logger: Logger) { self.logger = logger }

    static let descriptions = [
        MetricDescription(
            "bursar_public_cut_total",
            "Public requests that were cut for being too slow, by what was slow."
        ),
        MetricDescription(
            "bursar_public_connections_refused_total",
            "Public connections that were closed at once, by why."
        ),
    ]

    /// A problem document, with its reason in the log; neither holds anything that the sender wrote but its address.
    package func refused(
        _ problem: Problem,
        of client: NetworkAddress,
        why: String,
        level: Logger.Level = .info,
        retryAfter: Int? = nil,
        allow: String? = nil
    ) -> PublicAnswer {
        let id = Problem.newID()
        logger.log(
            level: problem.status >= 500 ? .warning : level,
            "public request refused: \(why)",
            metadata: ["problem_id": "\(id)", "status": "\(problem.status)", "client": "\(client)"]
        )
        return PublicAnswer(problem, id: id, retryAfter: retryAfter, allow: allow)
    }

    func cut(_ what: String) {
        Counter(label: "bursar_public_cut_total", dimensions: [("what", what)]).increment()
    }

    func closed(_ why: ConnectionRoll.Refusal) {
        Counter(label: "bursar_public_connections_refused_total", dimensions: [("why", why.rawValue)]).increment()
    }
}

extension Problem {
    static let notHTTP = Problem(status: 400, title: "This is not a request that can be read")
    static let headTooLong = Problem(status: 431, title: "The request's header is too long")
    static let tooSlow = Problem(status: 408, title: "The request took too long to arrive")
    static let noAnswer = Problem(status: 503, title: "The request could not be answered in time")
}
