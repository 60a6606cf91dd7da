import CivilTime
import Foundation
import Glibc
import Notices
import Outbound
import Postgres
import TestSupport
import Testing

@Suite("What comes back to a daemon")
struct ReturnTests {
    private static let secret = "a secret of reports"
    private static let keyText = "0123456789abcdef0123456789abcdef"

    @Test("A mail posted with the secret is stored before it is answered, once; without the secret it is refused")
    func inbound() async throws {
        try await Self.serving { house, sender in
            let mail = try Self.mail("postfix-unknown-user")
            #expect(try await sender.mail(mail, nil).status == 401)
            #expect(try await sender.mail(mail, "Bearer a secret of report").status == 401)
            #expect(try await sender.mail(mail, "Bearer \(Self.secret)").status == 202)
            #expect(try await sender.mail(mail, "bearer \(Self.secret)").status == 202)
            #expect(try await sender.mail([], "Bearer \(Self.secret)").status == 400)
            let long = Array(repeating: UInt8(ascii: "x"), count: (1 << 20) + 1)
            #expect(try await sender.mail(long, "Bearer \(Self.secret)").status == 413)
            #expect(try await sender.send("GET", "/inbound/dsn").status == 405)
            #expect(try await sender.send("POST", "/inbound/other").status == 404)
            #expect(try await sender.send("POST", "/notices/status/relay").status == 404)
            let rows = try await house.list(
                "select source || ' ' || state || ' ' || repeats from bursar.delivery_report"
            )
            #expect(rows == ["dsn waiting 1"])
        }
    }

    @Test("Where no secret is configured there is no such address, and without a key no link is ours")
    func notConfigured() async throws {
        try await House.with(Portfolio.empty) { house in
            house.webhookSources()
            let (_, sender) = try await house.webhookDaemon()
            let posts = ReturnSender(port: sender.port)
            #expect(try await posts.mail(Array("x".utf8), "Bearer ").status == 404)
            let key = try #require(ReturnKey(Self.keyText))
            #expect(
                try await posts.send("POST", "/unsubscribe/\(UnsubscribeToken(tenant: 1).text(key: key))").status == 404
            )
        }
    }

    @Test(
        "One POST without a cookie withdraws consent; GET and HEAD, however many, change nothing, and a wrong link is none"
    )
    func unsubscribe() async throws {
        try await Self.serving { house, sender in
            let key = try #require(ReturnKey(Self.keyText))
            let path =
                "/unsubscribe/\(UnsubscribeToken(tenant: 1, category: "courtesy", channel: "email").text(key: key))"
            try await house.database.setUp("select bursar.give_consent(1, 'courtesy', 'email', reason => 'ticked')")
            for _ in 0..<3 {
                let page = try await sender.send("GET", path)
                #expect(page.status == 200 && page[header: "content-type"] == "text/html; charset=utf-8")
                #expect(
                    page[header: "set-cookie"] == nil
                        && String(decoding: page.body, as: UTF8.self).contains("method=\"post\"")
                )
                #expect(try await sender.send("HEAD", path).status == 200)
            }
            #expect(try await house.list("select verb from bursar.consent") == ["granted"])
            let body = Array("List-Unsubscribe=One-Click".utf8)
            for _ in 0..<2 {
                let done = try await sender.send("POST", path, body, type: "application/x-www-form-urlencoded")
                #expect(done.status == 200 && done[header: "content-type"] == "text/plain; charset=utf-8")
            }
            let said = try await house.list(
                "select verb || ' ' || source || ' ' || category || ' ' || channel from bursar.consent order by id"
            )
            #expect(said == ["granted client courtesy email", "withdrawn one_click courtesy email"])
            #expect(try await sender.send("POST", path, Array(repeating: 65, count: 1025)).status == 413)
            #expect(try await sender.send("PUT", path).status == 405)
            for wrong in [String(path.dropLast()), path + "a", "/unsubscribe/", "/unsubscribe/x/y"] {
                #expect(try await sender.send("POST", wrong).status == 404, "\(wrong)")
                #expect(try await sender.send("GET", wrong).status == 404, "\(wrong)")
            }
            let gone = "/unsubscribe/\(UnsubscribeToken(tenant: 99).text(key: key))"
            #expect(try await sender.send("POST", gone).status == 404)
        }
    }

    @Test("`dsn ingest` works a mail off at once; one that cannot be read is kept and exits with 65")
    func ingest() async throws {
        try await Self.serving { house, _ in
            try await house.database.setUp(Self.message)
            let key = try #require(ReturnKey(Self.keyText))
            let token = BounceToken.make(message: 1, key: key)
            write(try Self.text("postfix-unknown-user", token), to: "\(house.folder)/hard.eml")
            write(try Self.text("human", token), to: "\(house.folder)/human.eml")
            let done = try await house.bursar("dsn", "ingest", "\(house.folder)/hard.eml")
            #expect(
                done.status == 0 && done.output.contains("done: hard 5.1.1 of message 1; failed, address suppressed"),
                "\(done)"
            )
            let again = try await house.bursar(
                "dsn",
                "ingest",
                "\(house.folder)/hard.eml",
                "\(house.folder)/human.eml",
                "--json"
            )
            #expect(again.status == 65 && again.output.contains("\"known\":true"), "\(again)")
            let report = try #require(again.output.firstMatch(of: /"report":(\d+),"state":"unreadable"/), "\(again)").1
            #expect(again.errors.contains("it is kept: bursar dsn show \(report)"), "\(again)")
            let shown = try await house.bursar("dsn", "show", String(report))
            #expect(shown.status == 0 && shown.output.contains("I have paid this already!"), "\(shown)")
            let list = try await house.bursar("suppressions", "list", "--address", "SOK@customer.example")
            #expect(list.status == 0 && list.output.contains("hard_bounce") && !list.output.contains("sok@"), "\(list)")
            let missing = try await house.bursar("dsn", "ingest", "\(house.folder)/none.eml")
            #expect(missing.status == 64, "\(missing)")
        }
    }

    @Test("Contacts, consents and suppressions by hand: what is done, what is refused, and why")
    func byHand() async throws {
        try await Self.serving { house, _ in
            let put = try await house.bursar("contacts", "put", "t1", "email", "sok@customer.example")
            #expect(put.status == 0 && put.output == "contact 1\n", "\(put)")
            let unfit = try await house.bursar("contacts", "put", "t1", "email", "sok")
            #expect(unfit.status == 65 && unfit.errors.contains("this is not an e-mail address"), "\(unfit)")
            let payer = try await house.bursar(
                "contacts",
                "payer",
                "t1",
                "--name",
                "Sok",
                "--time-zone",
                "Asia/Bangkok"
            )
            #expect(payer.status == 0, "\(payer)")
            let list = try await house.bursar("contacts", "list")
            #expect(list.output.contains("Sok") && list.output.contains("Asia/Bangkok"), "\(list)")
            let consent = try await house.bursar("consents", "give", "t1", "courtesy", "email", "--reason", "ticked")
            #expect(consent.status == 0, "\(consent)")
            #expect(try await house.bursar("consents", "withdraw", "t1").status == 0)
            #expect(try await house.bursar("consents", "list").output.contains("withdrawn"))
            let added = try await house.bursar(
                "suppressions",
                "add",
                "email",
                "sok@customer.example",
                "--reason",
                "a letter"
            )
            #expect(added.status == 0, "\(added)")
            let bare = try await house.bursar("suppressions", "release", "1")
            #expect(bare.status == 65 && bare.errors.contains("reason"), "\(bare)")
            #expect(try await house.bursar("suppressions", "release", "1", "--reason", "called").status == 0)
            #expect(
                try await house.bursar("contacts", "remove", "t1", "email", "--reason", "moved").output == "removed\n"
            )
            #expect(try await house.bursar("contacts", "erase", "t1", "--reason", "law").output == "1 address erased\n")
            #expect(try await house.bursar("dsn", "reread", "--reason", "mended").output == "0 reports wait\n")
        }
    }

    /// A daemon with a key and a secret, an issuer and a tenant.
    private static func serving(_ body: (House, ReturnSender) async throws -> Void) async throws {
        try await House.with(Portfolio.empty) { house in
            house.webhookSources()
            write(secret, to: "\(house.folder)/secret")
            write(keyText, to: "\(house.folder)/key")
            try await house.database.setUp(
                """
                insert into bursar.issuer (name, legal_name, time_zone) values ('A', 'A', 'Asia/Phnom_Penh');
                insert into bursar.tenant (issuer_id, external_ref, name) values (1, 't1', 'One');
                """
            )
            let settings = [
                "BURSAR_NOTICES_KEY_FILE": "\(house.folder)/key",
                "BURSAR_NOTICES_INBOUND_SECRET_FILE": "\(house.folder)/secret",
                "BURSAR_HTTP_PUBLIC_URL": "https://house.example",
            ]
            let (_, sender) = try await house.webhookDaemon(settings: settings)
            try await body(house, ReturnSender(port: sender.port))
        }
    }

    private static let message = """
        select bursar.put_contact(1, 'email', 'sok@customer.example');
        insert into bursar.message (tenant_id, issuer_id, channel, class, local_day, address_id, address_hash, message_id, guarantee, state,
            not_before, valid_until)
        select 1, 1, 'email', 'transaction', current_date, a.id, a.hash, 'n1@billing.example', 'at_least_once', 'accepted', now(),
            now() + interval '1 day'
        from bursar.payer_address a;
        """

    private static func mail(_ name: String, _ token: String = "x") throws -> [UInt8] {
        Array(try text(name, token).utf8)
    }

    private static func text(_ name: String, _ token: String) throws -> String {
        let text = contents(of: "\(Program.project)/Tests/Vectors/returns/\(name).eml")
        try #require(!text.isEmpty)
        return text.replacing("TOKEN", with: token)
    }
}

/// Speaks to a daemon's public address without cookies.
private struct ReturnSender {
    let port: Int
    let client = HTTPClient()

    func mail(_ bytes: [UInt8], _ authorization: String?) async throws -> HTTPResponse {
        let headers = authorization.map { [HTTPField("Authorization", $0)] } ?? []
        return try await send("POST", "/inbound/dsn", bytes, type: "message/rfc822", headers)
    }

    func send(
        _ method: String,
        _ path: String,
        _ body: [UInt8] = [],
        type: String = "text/plain",
        _ headers: [HTTPField] = []
    ) async throws -> HTTPResponse {
        try await client.send(
            HTTPRequest(
                method: method,
                url: "http://127.0.0.1:\(port)\(path)",
                headers: headers + [HTTPField("Content-Type", type)],
                body: body,
                allowsPlainText: true
            )
        )
    }
}
