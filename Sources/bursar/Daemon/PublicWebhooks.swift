import Listener
import Logging
import Webhooks

/// The webhook sources: `POST /webhooks/{source}`.
struct PublicWebhooks: PublicRouteGroup {
    let intake: WebhookIntake
    let notes: PublicNotes

    let prefix = "/webhooks/"

    func judge(_ head: PublicHead) -> PublicJudgement {
        guard let name = source(head) else {
            return .answer(notes.refused(.noSuchAddress, of: head.client, why: "no such route"))
        }
        if let refusal = head.refusalOfPost(notes) { return .answer(refusal) }
        switch intake.admit(sender(name, head), contentType: head.value(of: "content-type")) {
        case .read(let limit): return .read(limit: limit)
        case .refuse(let refusal): return .answer(answer(refusal, head))
        }
    }

    func take(_ head: PublicHead, _ body: [UInt8], _ answer: @escaping @Sendable (PublicAnswer) -> Void) {
        guard let name = source(head) else {
            return answer(notes.refused(.noSuchAddress, of: head.client, why: "no such route"))
        }
        let post = ReceivedPost(headers: head.headers, body: body)
        intake.take(post, from: sender(name, head), contentType: head.value(of: "content-type")) { reply in
            switch reply {
            case .taken(let taken):
                answer(PublicAnswer(status: taken.status, contentType: taken.contentType, body: taken.body))
            case .refused(let refusal): answer(self.answer(refusal, head))
            }
        }
    }

    private func source(_ head: PublicHead) -> String? { head.lastPart(after: prefix, atMost: 63) }

    private func sender(_ name: String, _ head: PublicHead) -> WebhookIntake.Sender {
        WebhookIntake.Sender(source: name, address: "\(head.client)", counted: "\(head.client.sender)")
    }

    private func answer(_ refusal: WebhookIntake.Refusal, _ head: PublicHead) -> PublicAnswer {
        notes.refused(
            Problem(status: refusal.status, title: refusal.title),
            of: head.client,
            why: refusal.source.map { "\($0): \(refusal.why)" } ?? refusal.why,
            // A sender that floods us shall not flood the log.
            level: refusal.status == 429 ? .debug : .info,
            retryAfter: refusal.retryAfter
        )
    }
}
