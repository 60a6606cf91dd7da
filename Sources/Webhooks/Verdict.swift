package import CivilTime

/// What came of checking a post's signature.
package struct Verdict: Sendable, Equatable {
    /// Why the post is refused; nil where it is what somebody who knows the secret has sent.
    package var reason: Reason?

    /// The names of the headers that the check covered, as the scheme's options name them; empty where refused.
    ///
    /// A header that is not among them may have been written by anybody who carried the post.
    package var verifiedHeaders: [String] = []

    /// The id that the sender gave the message, where the scheme has one and it is well formed.
    ///
    /// It is covered by the signature only where `verifiedHeaders` has its header.
    package var claimedID: String?

    /// When the sender says it sent this attempt, where the scheme says so and the text is a time.
    package var sentAt: Instant?

    /// Which secret fits, by its fingerprint; nil where refused.
    package var secretFingerprint: String?

    package var isValid: Bool { reason == nil }

    package init(
        reason: Reason? = nil,
        verifiedHeaders: [String] = [],
        claimedID: String? = nil,
        sentAt: Instant? = nil,
        secretFingerprint: String? = nil
    ) {
        self.reason = reason
        self.verifiedHeaders = verifiedHeaders
        self.claimedID = claimedID
        self.sentAt = sentAt
        self.secretFingerprint = secretFingerprint
    }
}

extension Verdict {
    /// Why a post is refused.
    ///
    /// The words are the ones that logs, metrics and `bursar webhooks verify` show; a sender is
    /// told no more than the status.
    package enum Reason: String, Sendable, CaseIterable {
        /// A header that the scheme needs is not there, or empty.
        case missingHeader = "missing_header"
        /// The signature's header cannot be read, or a header that counts was sent twice.
        case malformedSignature = "malformed_signature"
        /// The timestamp is no whole number in its usual writing.
        case badTimestamp = "bad_timestamp"
        /// Sent longer ago than the tolerance allows: late, or replayed.
        case stale
        /// Sent further in the future than the tolerance allows: a clock is wrong, or somebody prepares a replay.
        case future
        /// Well formed, and none of the signatures fits any secret that counts now.
        case noMatch = "no_match"
        /// A Stripe signature without a `v1` in it.
        case noV1 = "no_v1"
        /// The message's id is empty, too long, or has characters that ids may not have.
        case badID = "bad_id"
        /// The receiver's own secret is unfit; nothing that a sender does leads here.
        case badSecret = "bad_secret"
        /// More signatures than a receiver should have to try.
        case tooManySignatures = "too_many_signatures"
        /// The body is not what the scheme signs: PayWay signs an object.
        case malformedBody = "malformed_body"

        /// The status that a listener answers with: 400 where the post is not well formed or not of this hour, 401 where
        /// the signature does not fit, 500 where the fault is ours.
        package var suggestedStatus: Int {
            switch self {
            case .noMatch: 401
            case .badSecret: 500
            default: 400
            }
        }
    }
}
