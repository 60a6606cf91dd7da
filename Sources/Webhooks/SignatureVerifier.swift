package import CivilTime

/// Checks whether posts were sent by somebody who knows one of a source's secrets.
///
/// It holds no state: what was seen before, it does not know. A post that it accepts may be a replay within the
/// tolerance, and for schemes without a timestamp a replay of any age; the inbox keeps ids for that.
package struct SignatureVerifier: Sendable {
    private let scheme: SignatureScheme
    private let keys: [SigningKey]
    private let tolerance: Duration

    /// The most signatures that one post may carry: a sender that rotates its key sends two.
    static let mostSignatures = 16

    /// A verifier for one source.
    ///
    /// - Parameters:
    ///   - scheme: how the source signs.
    ///   - secrets: its secrets; several while one is being replaced. A post is accepted if any fits that counts then.
    ///   - tolerance: how old a post may be, and how far in the future, both inclusive. Zero means the same second; it
    ///     does not switch the check off. Schemes without a timestamp don't use it.
    /// - Throws: a secret is unfit for the scheme, there is none, or the tolerance is negative.
    package init(
        scheme: SignatureScheme,
        secrets: [WebhookSecret],
        tolerance: Duration = .seconds(300)
    ) throws(SchemeError) {
        guard tolerance >= .zero else {
            throw SchemeError(.badTolerance, "the tolerance is negative", remedy: "give it as 300s, or leave it out")
        }
        guard !secrets.isEmpty else {
            throw SchemeError(.badSecret, "there is no secret", remedy: "name the file that holds the sender's secret")
        }
        var keys: [SigningKey] = []
        for secret in secrets { keys.append(try SigningKey(secret, for: scheme)) }
        self.scheme = scheme
        self.keys = keys
        self.tolerance = tolerance
    }

    /// Judges a post as of an instant.
    package func verdict(on post: ReceivedPost, at now: Instant) -> Verdict {
        let keys = keys.filter { $0.secret.isValid(at: now) }
        let window = TimeWindow(now: now, tolerance: tolerance)
        let check: any SchemeCheck =
            switch scheme.kind {
            case .standardWebhooks(let scheme): scheme
            case .stripe(let scheme): scheme
            case .github(let scheme): scheme
            case .payway(let scheme): scheme
            case .generic(let scheme): scheme
            }
        return check.verdict(on: post, keys: keys, window: window)
    }
}

/// The time in which a post may have been sent.
struct TimeWindow {
    let now: Instant
    let tolerance: Duration

    /// Reads a header's time, in whole seconds or milliseconds since the epoch.
    func sentAt(_ text: String, unitsPerSecond: Int64 = 1) throws(Verdict.Refusal) -> Instant {
        guard let units = SignatureText.integer(text) else { throw Verdict.Refusal(.badTimestamp) }
        let (microseconds, overflow) = units.multipliedReportingOverflow(by: 1_000_000 / unitsPerSecond)
        return Instant(microsecondsSinceEpoch: overflow ? (units < 0 ? .min : .max) : microseconds)
    }

    /// - Throws: `stale` or `future`, where the instant lies outside of the tolerance.
    func check(_ sent: Instant) throws(Verdict.Refusal) {
        if sent < now.adding(.zero - tolerance) { throw Verdict.Refusal(.stale) }
        if sent > now.adding(tolerance) { throw Verdict.Refusal(.future) }
    }
}
