import Listener
import Notices
import Postgres

/// One click unsubscribes (RFC 8058): `POST /unsubscribe/{token}` needs no cookie and no form, and the same again changes nothing.
///
/// GET shows a page with a button and changes nothing: mail scanners follow every link.
struct PublicUnsubscribe: PublicRouteGroup {
    let key: ReturnKey?
    let desk: PublicDesk
    let notes: PublicNotes

    let prefix = "/unsubscribe/"
    static let mostBytes = 1 << 10

    func judge(_ head: PublicHead) -> PublicJudgement {
        guard token(head) != nil else {
            return .answer(notes.refused(.noSuchAddress, of: head.client, why: "no link of ours"))
        }
        switch head.method {
        case "GET": return .answer(UnsubscribePage.answer)
        case "HEAD": return .answer(UnsubscribePage.headOnly)
        case "POST": return .read(limit: Self.mostBytes)
        default:
            let problem = Problem(status: 405, title: "Only GET and POST are taken here")
            let why = "the method is neither GET nor POST"
            return .answer(notes.refused(problem, of: head.client, why: why, allow: "GET, HEAD, POST"))
        }
    }

    func take(_ head: PublicHead, _ body: [UInt8], _ answer: @escaping @Sendable (PublicAnswer) -> Void) {
        guard let token = token(head) else {
            return answer(notes.refused(.noSuchAddress, of: head.client, why: "no link of ours"))
        }
        let isTaken = desk.submit { database in
            do {
                let isKnown = try await database.withTransaction(TransactionOptions(role: "bursar_listener")) {
                    try await Consent.withdraw(token, in: $0)
                }
                let gone = { notes.refused(.noSuchAddress, of: head.client, why: "the link's tenant is gone") }
                answer(isKnown ? UnsubscribePage.done : gone())
            } catch {
                answer(notes.refused(.notStored, of: head.client, why: "\(error)", retryAfter: 5))
            }
        }
        if !isTaken {
            answer(notes.refused(.notStored, of: head.client, why: "too much waits to be stored", retryAfter: 5))
        }
    }

    private func token(_ head: PublicHead) -> UnsubscribeToken? {
        guard let key, let text = head.lastPart(after: prefix, atMost: 400) else { return nil }
        return UnsubscribeToken(text, key: key)
    }
}

/// What whoever follows a link of ours sees: the same for every link, since a page that names somebody would tell who holds it.
private enum UnsubscribePage {
    static let done = PublicAnswer(
        status: 200,
        body: Array("យើងនឹងមិនផ្ញើសាររំលឹកទាំងនេះទៀតទេ។\nYou will get no more of these reminders.\n".utf8)
    )

    static let answer = PublicAnswer(
        status: 200,
        contentType: "text/html; charset=utf-8",
        body: Array(page.utf8),
        headers: headers
    )

    /// What HEAD is answered: the same without a body.
    static let headOnly = PublicAnswer(status: 200, contentType: "text/html; charset=utf-8", headers: headers)

    private static let headers = [
        PublicAnswer.HeaderLine(
            name: "Content-Security-Policy",
            value: "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
        ),
        PublicAnswer.HeaderLine(name: "Referrer-Policy", value: "no-referrer"),
        PublicAnswer.HeaderLine(name: "X-Robots-Tag", value: "noindex"),
    ]

    private static let page = """
        <!doctype html>
        <html lang="km">
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <title>ឈប់ទទួលសាររំលឹក · Unsubscribe</title>
        <style>body{font:1.1rem/1.6 sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem}button{font:inherit;padding:.5rem 1rem}</style>
        <p>ចុចប៊ូតុងនេះ ដើម្បីឈប់ទទួលសាររំលឹកទាំងនេះ។</p>
        <p lang="en">Press the button to get no more of these reminders. Invoices, and notices about what was not paid, still come.</p>
        <form method="post"><button name="List-Unsubscribe" value="One-Click">ឈប់ទទួល · Unsubscribe</button></form>
        </html>

        """
}
