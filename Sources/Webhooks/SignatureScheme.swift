/// How the posts of a source are signed: one of the known senders' ways, or a way described piece by piece.
package struct SignatureScheme: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case standardWebhooks(StandardWebhooks)
        case stripe(StripeWebhooks)
        case github(GitHubWebhooks)
        case payway(PayWayPushback)
        case generic(GenericHMAC)
    }

    let kind: Kind

    /// Standard Webhooks 1.0.0 with its usual headers: HMAC (`v1`) and ed25519 (`v1a`).
    package static let standardWebhooks = Self(kind: .standardWebhooks(StandardWebhooks()))
    /// Stripe, with its usual header.
    package static let stripe = Self(kind: .stripe(StripeWebhooks()))
    /// GitHub, with its usual headers.
    package static let github = Self(kind: .github(GitHubWebhooks()))
    /// ABA PayWay's pushback, with its usual header and PHP's usual precision.
    package static let payway = Self(kind: .payway(PayWayPushback()))

    package static func standardWebhooks(_ options: StandardWebhooks) -> Self { Self(kind: .standardWebhooks(options)) }
    package static func stripe(_ options: StripeWebhooks) -> Self { Self(kind: .stripe(options)) }
    package static func github(_ options: GitHubWebhooks) -> Self { Self(kind: .github(options)) }
    package static func payway(_ options: PayWayPushback) -> Self { Self(kind: .payway(options)) }

    /// A sender that signs with an HMAC in its own way.
    package static func generic(_ options: GenericHMAC) -> Self { Self(kind: .generic(options)) }

    /// The scheme with its usual options by the name that configurations and commands use; nil for other names.
    ///
    /// `generic` is the HMAC-SHA256 of the body in hexadecimal, in the header `X-Signature`.
    package static func named(_ name: String) -> SignatureScheme? {
        switch name {
        case "standard-webhooks", "standard", "standard-v1a": .standardWebhooks
        case "stripe": .stripe
        case "github": .github
        case "payway": .payway
        case "generic", "hmac": .generic(GenericHMAC.plain)
        default: nil
        }
    }

    /// The names to write into a configuration.
    package static let names = ["standard-webhooks", "stripe", "github", "payway", "generic"]

    /// The name of this scheme among `names`.
    package var name: String {
        switch kind {
        case .standardWebhooks: "standard-webhooks"
        case .stripe: "stripe"
        case .github: "github"
        case .payway: "payway"
        case .generic: "generic"
        }
    }

    /// The headers that the scheme reads: what is worth keeping of a post beside its body.
    package var headers: [String] {
        switch kind {
        case .standardWebhooks(let scheme): [scheme.idHeader, scheme.timestampHeader, scheme.signatureHeader]
        case .stripe(let scheme): [scheme.signatureHeader]
        case .github(let scheme): [scheme.signatureHeader, scheme.deliveryHeader]
        case .payway(let scheme): [scheme.signatureHeader]
        case .generic(let scheme): [scheme.signatureHeader, scheme.timestampHeader, scheme.idHeader].compactMap(\.self)
        }
    }
}

/// What each scheme does with a post; the verifier has the secrets ready and knows the time.
protocol SchemeCheck {
    /// The post's verdict, from keys that all count now.
    func verdict(on post: ReceivedPost, keys: [SigningKey], window: TimeWindow) -> Verdict
}

extension SchemeCheck {
    /// The one value of a header that must be there; the reason for a refusal otherwise.
    func required(_ name: String, of post: ReceivedPost) -> Result<String, Verdict.Refusal> {
        switch post.header(name) {
        case .missing: .failure(Verdict.Refusal(.missingHeader))
        case .twice: .failure(Verdict.Refusal(.malformedSignature))
        case .once(let value): value.isEmpty ? .failure(Verdict.Refusal(.missingHeader)) : .success(value)
        }
    }
}

extension Verdict {
    /// A reason on its way out of a check.
    struct Refusal: Error {
        let reason: Reason

        init(_ reason: Reason) { self.reason = reason }
    }
}
