import CivilTime
import Listener
import Notices
import Postgres
import Webhooks

/// Mails that came back, from a relay that posts them: `POST /inbound/dsn`, behind the house's secret.
struct PublicReports: PublicRouteGroup {
    let secret: InboundSecret?
    let desk: PublicDesk
    let notes: PublicNotes

    let prefix = "/inbound/"
    static let mostBytes = 1 << 20

    func judge(_ head: PublicHead) -> PublicJudgement {
        // Where no secret is configured there is no such address.
        guard let secret, head.lastPart(after: prefix, atMost: 8) == "dsn" else {
            return .answer(notes.refused(.noSuchAddress, of: head.client, why: "no such route"))
        }
        if let refusal = head.refusalOfPost(notes) { return .answer(refusal) }
        guard head.shows(secret) else {
            return .answer(notes.refused(.notAccepted, of: head.client, why: "the secret of reports is wrong"))
        }
        return .read(limit: Self.mostBytes)
    }

    func take(_ head: PublicHead, _ body: [UInt8], _ answer: @escaping @Sendable (PublicAnswer) -> Void) {
        desk.store(body, from: .mail, for: head, notes, answer)
    }
}

/// Providers that tell what became of a message: `POST /notices/status/{transport}`, signed, or behind the house's secret.
struct PublicStatus: PublicRouteGroup {
    let secret: InboundSecret?
    /// Those in force, by transport.
    let mappings: @Sendable () -> [String: StatusMapping]
    /// The database's clock, as it was last heard.
    let now: @Sendable () -> Instant?
    let desk: PublicDesk
    let notes: PublicNotes

    let prefix = "/notices/status/"
    static let mostBytes = 256 << 10

    func judge(_ head: PublicHead) -> PublicJudgement {
        guard let mapping = mapping(head), mapping.verifier != nil || secret != nil else {
            return .answer(notes.refused(.noSuchAddress, of: head.client, why: "no such route"))
        }
        if let refusal = head.refusalOfPost(notes) { return .answer(refusal) }
        if mapping.verifier == nil, let secret, !head.shows(secret) {
            return .answer(notes.refused(.notAccepted, of: head.client, why: "the secret of reports is wrong"))
        }
        return .read(limit: Self.mostBytes)
    }

    func take(_ head: PublicHead, _ body: [UInt8], _ answer: @escaping @Sendable (PublicAnswer) -> Void) {
        guard let mapping = mapping(head) else {
            return answer(notes.refused(.noSuchAddress, of: head.client, why: "no such route"))
        }
        if let verifier = mapping.verifier {
            guard let now = now() else {
                let why = "the database's clock is not known"
                return answer(notes.refused(.notStored, of: head.client, why: why, retryAfter: 5))
            }
            let verdict = verifier.verdict(on: ReceivedPost(headers: head.headers, body: body), at: now)
            if let reason = verdict.reason {
                let why = "status of \(mapping.transport): signature: \(reason.rawValue)"
                return answer(notes.refused(.notAccepted, of: head.client, why: why))
            }
        }
        desk.store(body, from: .status(transport: mapping.transport), for: head, notes, answer)
    }

    private func mapping(_ head: PublicHead) -> StatusMapping? {
        head.lastPart(after: prefix, atMost: 63).flatMap { mappings()[$0] }
    }
}

extension PublicHead {
    /// Whether the request shows a secret, as `Authorization: Bearer …` or `X-Bursar-Secret: …`; never in the path or the query,
    /// which stand in the logs of proxies.
    fileprivate func shows(_ secret: InboundSecret) -> Bool {
        if let word = value(of: "authorization"), word.lowercased().hasPrefix("bearer ") {
            return secret.matches(String(word.dropFirst("bearer ".count)))
        }
        return value(of: "x-bursar-secret").map(secret.matches) ?? false
    }
}

extension PublicDesk {
    /// Stores a report and answers once it is on disk; what it says is read by a run.
    fileprivate func store(
        _ body: [UInt8],
        from source: DeliveryReports.Source,
        for head: PublicHead,
        _ notes: PublicNotes,
        _ answer: @escaping @Sendable (PublicAnswer) -> Void
    ) {
        guard !body.isEmpty else {
            let problem = Problem(status: 400, title: "The body is empty")
            return answer(notes.refused(problem, of: head.client, why: "the body is empty"))
        }
        let isTaken = submit { database in
            do {
                _ = try await database.withTransaction(TransactionOptions(role: "bursar_listener")) {
                    try await DeliveryReports.take(body, from: source, in: $0)
                }
                answer(PublicAnswer(status: 202, body: Array("stored\n".utf8)))
            } catch {
                answer(notes.refused(.notStored, of: head.client, why: "\(error)", retryAfter: 5))
            }
        }
        if !isTaken {
            answer(notes.refused(.notStored, of: head.client, why: "too much waits to be stored", retryAfter: 5))
        }
    }
}
