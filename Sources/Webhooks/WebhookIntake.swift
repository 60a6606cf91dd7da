internal import Metrics
internal import Synchronization

/// What is done with a post from its head to its answer: limits, signature, id, and the way into the inbox.
///
/// Nothing of what a sender wrote gets into the log but the name of a source that exists, and no answer says which part of a
/// signature was wrong.
package final class WebhookIntake: Sendable {
    /// Why a post is not taken.
    package struct Refusal: Sendable, Equatable {
        package let status: Int
        /// For the sender.
        package let title: String
        /// For the log.
        package let why: String
        /// In whole seconds.
        package var retryAfter: Int?
        /// The source that it was meant for, where there is one of that name.
        package var source: String?
    }

    /// What a post's head leads to.
    package enum Admission: Sendable {
        /// The body may have so many bytes.
        case read(limit: Int)
        case refuse(Refusal)
    }

    /// What a post is answered.
    package enum Reply: Sendable {
        case taken(WebhookSource.Answer)
        case refused(Refusal)
    }

    /// Whom a post comes from, and for whom it says it is.
    package struct Sender: Sendable, Hashable {
        /// The last part of the path.
        package let source: String
        /// An IP address, and the sender that it counts for.
        package let address: String
        package let counted: String

        package init(source: String, address: String, counted: String) {
            self.source = source
            self.address = address
            self.counted = counted
        }
    }

    private let writer: InboxWriter
    private let sources = Mutex<WebhookSources?>(nil)
    private let bySource = TokenBuckets<String>(capacity: 1024)
    private let byAddress = TokenBuckets<Sender>()
    private let meters = IntakeMeters()
    /// Checked in place of a source that does not exist, so that the answer comes no sooner.
    private let decoy: WebhookSource?

    package init(writer: InboxWriter) {
        self.writer = writer
        let scheme = SignatureScheme.named("generic")
        let verifier = scheme.flatMap { try? SignatureVerifier(scheme: $0, secrets: [SourceReader.anySecret]) }
        decoy = verifier.map { WebhookSource(name: "", scheme: "generic", verifier: $0) }
    }

    /// Puts sources in force; nil where none can be read, and every post is then answered 503.
    package func use(_ sources: WebhookSources?) { self.sources.withLock { $0 = sources } }

    /// The sources in force.
    package var sourcesInForce: WebhookSources? { sources.withLock { $0 } }

    /// Judges a post by its head.
    package func admit(_ sender: Sender, contentType: String?, at now: ContinuousClock.Instant = .now) -> Admission {
        guard let sources = sourcesInForce else { return .refuse(counted(.unavailable("no sources are in force"), "")) }
        let known = sources[sender.source]
        let label = known?.name ?? ""
        guard let source = known ?? decoy else { return .refuse(counted(.unknown, label)) }
        // Names that do not exist share what an address may send to them.
        let spender = known == nil ? Sender(source: "", address: "", counted: sender.counted) : sender.forCounting
        if let wait = byAddress.take(spender, source.addressRate, at: now) {
            return .refuse(counted(.tooMany(wait, "this address sends more than it may"), label))
        }
        guard source.takes(contentType: contentType) else { return .refuse(counted(.wrongType, label)) }
        return .read(limit: source.bodyLimit)
    }

    /// Takes a post whose head was let in; the reply comes once, from any thread.
    package func take(
        _ post: ReceivedPost,
        from sender: Sender,
        contentType: String?,
        _ reply: @escaping @Sendable (Reply) -> Void
    ) {
        guard let sources = sourcesInForce, let now = writer.standing.now else {
            return reply(.refused(counted(.unavailable("the inbox is not ready"), "")))
        }
        guard let source = sources[sender.source] else {
            _ = decoy?.verifier.verdict(on: post, at: now)
            return reply(.refused(counted(.unknown, "")))
        }
        let verdict = source.verifier.verdict(on: post, at: now)
        if let reason = verdict.reason {
            return reply(.refused(counted(.signature(reason), source.name)))
        }
        guard let id = source.eventID.id(of: post, verdict) else {
            return reply(.refused(counted(.noID, source.name)))
        }
        // Only now: whoever knows no secret cannot spend what the source may send.
        if let wait = bySource.take(source.name, source.sourceRate) {
            return reply(.refused(counted(.tooMany(wait, "the source sends more than it may"), source.name)))
        }
        let arrived = ArrivedPost(
            source: source.name,
            eventID: id,
            body: post.body,
            headers: KeptHeaders.json(post.headers, named: verdict.verifiedHeaders),
            contentType: contentType,
            scheme: source.scheme,
            secret: verdict.secretFingerprint,
            address: sender.address
        )
        writer.submit(arrived) { [self] outcome in
            if case .failed(let why) = outcome { return reply(.refused(counted(.unavailable(why), source.name))) }
            meters.count(source.name, source.answer.status)
            reply(.taken(source.answer))
        }
    }

    private func counted(_ refusal: Refusal, _ source: String) -> Refusal {
        meters.count(source, refusal.status)
        var refusal = refusal
        if !source.isEmpty { refusal.source = source }
        return refusal
    }
}

extension WebhookIntake.Sender {
    /// The address as it is counted: of version 6 a whole network of 64 bits.
    fileprivate var forCounting: WebhookIntake.Sender {
        WebhookIntake.Sender(source: source, address: "", counted: counted)
    }
}

extension WebhookIntake.Refusal {
    fileprivate static let unknown = Self(status: 404, title: "There is no such address", why: "no such source")
    fileprivate static let wrongType = Self(
        status: 415,
        title: "This content type is not taken here",
        why: "the content type is none of the source's"
    )
    fileprivate static let noID = Self(
        status: 400,
        title: "The request was not accepted",
        why: "the post has not what its id is made of"
    )

    fileprivate static func signature(_ reason: Verdict.Reason) -> Self {
        let status = reason.suggestedStatus
        let title = status >= 500 ? "The request could not be checked" : "The request was not accepted"
        return Self(status: status, title: title, why: "signature: \(reason.rawValue)")
    }

    fileprivate static func tooMany(_ wait: Double, _ why: String) -> Self {
        var refusal = Self(status: 429, title: "Too many requests", why: why)
        refusal.retryAfter = max(1, Int(min(wait, 3600).rounded(.up)))
        return refusal
    }

    fileprivate static func unavailable(_ why: String) -> Self {
        var refusal = Self(status: 503, title: "The request could not be stored", why: why)
        refusal.retryAfter = 5
        return refusal
    }
}

/// Counters of posts, made once each.
private final class IntakeMeters: Sendable {
    private struct Label: Hashable {
        let source: String
        let status: Int
    }

    private let counters = Mutex<[Label: Counter]>([:])

    /// Only sources that exist are named: a path may hold anything.
    func count(_ source: String, _ status: Int) {
        let label = Label(source: source.isEmpty ? "unknown" : source, status: status)
        let counter = counters.withLock { counters in
            if let counter = counters[label] { return counter }
            let dimensions = [("source", label.source), ("status", "\(status / 100)xx")]
            let counter = Counter(label: "bursar_webhook_posts_total", dimensions: dimensions)
            counters[label] = counter
            return counter
        }
        counter.increment()
    }
}
