internal import Payments

/// A declared sender of posts: how it signs, what it may send and how much, what it is answered, and what its posts mean.
package struct WebhookSource: Sendable {
    /// What a stored post is answered with, and a repeated one.
    package struct Answer: Sendable, Equatable {
        package var status = 200
        package var contentType = "application/json"
        package var body: [UInt8] = Array("{}".utf8)
    }

    /// The last part of its path: `/webhooks/NAME`.
    package let name: String
    /// The scheme's name among those of `bursar webhooks verify`.
    package let scheme: String
    package let verifier: SignatureVerifier
    package var secrets: [WebhookSecret] = []
    package var answer = Answer()
    /// Of a body, in bytes.
    package var bodyLimit = 256 << 10
    /// In lower case and without parameters.
    package var contentTypes = ["application/json"]
    package var eventID = EventIDRule.scheme
    /// Spent by posts whose signature is right: nobody else can spend it.
    package var sourceRate = PostRate(perSecond: 200, burst: 1000)
    /// Of one address, spent by every post that it sends here.
    package var addressRate = PostRate(perSecond: 50, burst: 200)
    /// Nil for posts that tell of no payment.
    package var payment: PaymentMapping?

    package init(name: String, scheme: String, verifier: SignatureVerifier) {
        self.name = name
        self.scheme = scheme
        self.verifier = verifier
    }

    /// Whether a header `Content-Type` names one of the source's types.
    func takes(contentType: String?) -> Bool {
        guard let contentType else { return false }
        let type = contentType.prefix { $0 != ";" }.filter { $0 != " " }.lowercased()
        return contentTypes.contains(type)
    }
}

/// The sources of a file, put in force together.
package struct WebhookSources: Sendable {
    /// By name.
    package let all: [WebhookSource]
    /// The file they came from.
    package let file: String
    private let byName: [String: WebhookSource]

    package init(_ sources: [WebhookSource], file: String) {
        all = sources.sorted { $0.name < $1.name }
        self.file = file
        byName = Dictionary(sources.map { ($0.name, $0) }) { first, _ in first }
    }

    package subscript(name: String) -> WebhookSource? { byName[name] }

    /// What a stored post says of a payment.
    func reading(source: String, event: Int64, body: [UInt8]) -> Reading {
        guard let source = byName[source] else { return .unknownSource }
        guard let mapping = source.payment else { return .noPayment }
        return mapping.hint(source: source.name, event: event, body: body).map(Reading.hint) ?? .unreadable
    }

    enum Reading {
        case hint(CallbackHint)
        case unreadable
        /// The source tells of no payments.
        case noPayment
        /// The file has no such source any more.
        case unknownSource
    }
}
