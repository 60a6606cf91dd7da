package import JobKit

/// Why nothing is known after a call, or instead of one.
///
/// Never holds a token, a renewal e-mail or another secret: it may be logged and stored.
package enum BakongFault: Error, Equatable, Sendable {
    /// No token is stored, or the stored one cannot be read; the words say which, and what to do.
    case noToken(String)
    /// 401 or errorCode 6, after one renewal.
    case unauthorized
    /// 403: asked from outside of Cambodia, held up by a firewall, or an endpoint that is closed. Says nothing about a payment.
    case forbidden(excerpt: String)
    /// 429: so long we are to leave it alone.
    case rateLimited(after: Duration)
    /// Our own daily quota is used up; no call was made.
    case quotaSpent(after: Duration)
    /// The provider's circuit is open, or it asked for a pause; no call was made.
    case circuitOpen(after: Duration)
    /// Our own rate leaves no room soon; no call was made.
    case throttled(after: Duration)
    /// 5xx.
    case serverError(status: Int, excerpt: String)
    /// errorCode 4, 7 or 9: Bakong could not reach something of its own.
    case providerTrouble(errorCode: Int)
    /// No complete answer in time; whether the call arrived is not known.
    case timeout
    /// No connection, or one that broke; the words are the network's.
    case unreachable(String)
    /// An answer that is no JSON.
    case notJSON(status: Int, excerpt: String)
    /// JSON that does not say what it should; the words say what is missing or contradictory.
    case unknownShape(String)
    /// A status that the API does not document.
    case unexpectedStatus(Int, excerpt: String)
    /// The answer to a batch left this key out.
    case notAnswered
    /// The answer is about another key than the one that was asked for.
    case otherKey
    /// 400 or errorCode 5, or a key that cannot be one: asking again changes nothing.
    case ourBug(String)
    /// errorCode 8, 10, 11, 12 where it makes no sense, or one that nobody has documented: a person has to look.
    case needsPerson(errorCode: Int)

    /// What to do about it.
    package enum Remedy: Equatable, Sendable {
        /// Ask again later.
        case later
        /// Ask again, no earlier than this long from now.
        case after(Duration)
        /// A person has to set something right; asking again before that changes nothing.
        case person
    }
}

extension BakongFault {
    package var remedy: Remedy {
        switch self {
        case .rateLimited(let wait), .quotaSpent(let wait), .circuitOpen(let wait), .throttled(let wait): .after(wait)
        case .serverError, .providerTrouble, .timeout, .unreachable, .notJSON, .unknownShape, .unexpectedStatus,
            .notAnswered, .otherKey:
            .later
        case .noToken, .unauthorized, .forbidden, .ourBug, .needsPerson: .person
        }
    }

    /// Whether it would be the same for any other key now, so that asking for the next one is of no use.
    package var concernsEveryKey: Bool {
        switch self {
        case .unknownShape, .notAnswered, .otherKey, .ourBug, .needsPerson: false
        default: true
        }
    }

    /// The fault as the error of a run: one that only waiting mends puts it off, one for a person kills it.
    package var jobError: JobError {
        switch remedy {
        case .later: JobError(.transient, description)
        case .after(let wait): JobError(.rateLimited(wait), description)
        case .person: JobError(.permanent, description)
        }
    }

    /// One word for journal, metrics and `explain`.
    package var word: String {
        switch self {
        case .noToken: "no_token"
        case .unauthorized: "unauthorized"
        case .forbidden: "forbidden"
        case .rateLimited: "rate_limited"
        case .quotaSpent: "quota_spent"
        case .circuitOpen: "circuit_open"
        case .throttled: "throttled"
        case .serverError: "server_error"
        case .providerTrouble: "provider_trouble"
        case .timeout: "timeout"
        case .unreachable: "unreachable"
        case .notJSON: "not_json"
        case .unknownShape: "unknown_shape"
        case .unexpectedStatus: "unexpected_status"
        case .notAnswered: "not_answered"
        case .otherKey: "other_key"
        case .ourBug: "our_bug"
        case .needsPerson: "needs_person"
        }
    }

    /// The first bytes of a body that was no JSON, without secrets.
    package var excerpt: String? {
        switch self {
        case .forbidden(let excerpt), .serverError(_, let excerpt), .notJSON(_, let excerpt),
            .unexpectedStatus(_, let excerpt):
            excerpt
        default: nil
        }
    }

    /// What it says of the provider, for its circuit.
    ///
    /// A list endpoint that is closed says nothing, since single lookups are asked next.
    func verdict(ofList isList: Bool) -> CallVerdict {
        switch self {
        case .rateLimited(let wait): .askedToWait(wait)
        case .serverError, .providerTrouble, .timeout, .unreachable: .failed
        case .forbidden, .notJSON, .unexpectedStatus: isList ? .nothing : .failed
        case .unauthorized, .unknownShape, .notAnswered, .otherKey, .ourBug, .needsPerson: .answered
        case .noToken, .quotaSpent, .circuitOpen, .throttled: .nothing
        }
    }

    /// Whether single lookups may do what the list endpoint did not.
    var isWorthSingleLookups: Bool {
        switch self {
        case .forbidden, .notJSON, .unknownShape, .unexpectedStatus, .ourBug: true
        default: false
        }
    }
}

extension BakongFault: CustomStringConvertible {
    /// One sentence for an operator, without the body's text.
    package var description: String {
        switch self {
        case .noToken(let why): "there is no token for Bakong: \(why)"
        case .unauthorized: "Bakong refuses the token, and a renewal did not help"
        case .forbidden: "Bakong answered 403: a closed endpoint, a firewall, or an address outside of Cambodia"
        case .rateLimited(let wait): "Bakong wants to be left alone for \(wait)"
        case .quotaSpent(let wait): "the daily quota of calls is used up for another \(wait)"
        case .circuitOpen(let wait): "calls of Bakong rest for another \(wait)"
        case .throttled(let wait): "the rate of calls leaves no room for another \(wait)"
        case .serverError(let status, _): "Bakong answered with status \(status)"
        case .providerTrouble(let code): "Bakong has trouble of its own (errorCode \(code))"
        case .timeout: "Bakong did not answer in time"
        case .unreachable(let why): "Bakong cannot be reached: \(why)"
        case .notJSON(let status, _): "Bakong answered with status \(status) and no JSON"
        case .unknownShape(let what): "Bakong's answer is not understood: \(what)"
        case .unexpectedStatus(let status, _): "Bakong answered with status \(status), which its documents do not know"
        case .notAnswered: "Bakong's answer leaves this key out"
        case .otherKey: "Bakong's answer is about another key"
        case .ourBug(let what): "Bakong cannot be asked so: \(what)"
        case .needsPerson(let code): "Bakong answered with errorCode \(code), which a person has to look at"
        }
    }
}
