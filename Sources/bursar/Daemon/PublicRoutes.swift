import Listener
import Logging
import Webhooks

/// What the public can reach: `/up`, and the webhook sources.
struct PublicRoutes: PublicSurface {
    let intake: WebhookIntake
    let notes: PublicNotes

    private static let prefix = "/webhooks/"

    func judge(_ head: PublicHead) -> PublicJudgement {
        if head.path == "/up" { return .answer(up(head)) }
        guard let name = Self.source(head.path) else {
            return .answer(notes.refused(.noSuchAddress, of: head.client, why: "no such route"))
        }
        guard head.method == "POST" else {
            return .answer(notes.refused(.onlyPost, of: head.client, why: "the method is no POST", allow: "POST"))
        }
        if let coding = head.value(of: "content-encoding"), coding.lowercased() != "identity" {
            return .answer(notes.refused(.noCoding, of: head.client, why: "the body is encoded"))
        }
        switch intake.admit(sender(name, head), contentType: head.value(of: "content-type")) {
        case .read(let limit): return .read(limit: limit)
        case .refuse(let refusal): return .answer(answer(refusal, head))
        }
    }

    func take(_ head: PublicHead, _ body: [UInt8], _ answer: @escaping @Sendable (PublicAnswer) -> Void) {
        guard let name = Self.source(head.path) else {
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

    private func up(_ head: PublicHead) -> PublicAnswer {
        switch head.method {
        case "GET": PublicAnswer(status: 200, body: Array("ok\n".utf8))
        case "HEAD": PublicAnswer(status: 200)
        default: notes.refused(.onlyGet, of: head.client, why: "the method is no GET", allow: "GET, HEAD")
        }
    }

    /// The last part of `/webhooks/NAME`.
    private static func source(_ path: String) -> String? {
        guard path.hasPrefix(prefix) else { return nil }
        let name = path.dropFirst(prefix.count)
        return name.isEmpty || name.contains("/") || name.utf8.count > 63 ? nil : String(name)
    }

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

extension Problem {
    fileprivate static let noSuchAddress = Problem(status: 404, title: "There is no such address")
    fileprivate static let onlyPost = Problem(status: 405, title: "Only POST is taken here")
    fileprivate static let onlyGet = Problem(status: 405, title: "Only GET is taken here")
    fileprivate static let noCoding = Problem(status: 415, title: "Encoded bodies are not taken here")
}
