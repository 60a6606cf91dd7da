import FoundationEssentials
import Glibc
import Outbound
import Postgres
import TestSupport
import Testing

/// A simulated Bakong that misbehaves, daemons that take its callbacks and ask it, and what is compared in the end.
struct PaymentStorm {
    let house: House
    let bank: SimulatedBank
    let port: Int
    /// The md5 of each QR, by its attempt's invoice.
    private(set) var shown: [(invoice: Int64, md5: String, amount: String, currency: String)] = []

    /// How many faults of each kind the script makes, as rates.
    static let faults = [
        "callback_lost=0.05", "callback_doubled=0.05", "callback_altered=0.01", "callback_late=0.05",
        "callback_tampered=0.01",
        "paid_twice=0.02", "refunded=0.02", "md5_list_closed=0.05", "list_shuffled=0.3", "list_omits=0.02",
        "server_error=0.02",
        "fractional_times=0.2", "amount_as_text=0.3", "found_late=0.05",
    ]

    /// Starts the bank and writes the configuration of daemons.
    init(_ house: House, seed: UInt64) async throws {
        self.house = house
        port = try FreePort.find()
        let secret = "whsec_" + Data((0..<32).map { UInt8($0) }).base64EncodedString()
        write(secret, to: "\(house.folder)/relay.secret")
        write(String(repeating: "5a", count: 32), to: "\(house.folder)/token.key")
        write("books@example.com", to: "\(house.folder)/email")
        write(
            """
            version: 1
            sources:
              relay:
                scheme: standard-webhooks
                secrets: [{ file: relay.secret }]
                rates: { source: { per_second: 100000, burst: 100000 }, address: { per_second: 100000, burst: 100000 } }
                payment:
                  md5: data.md5
                  provider_reference: data.hash
                  account: data.toAccountId
                  amount: data.amount
                  currency: data.currency
                  paid_when: { data.status: SUCCESS }

            """,
            to: "\(house.folder)/webhooks.yaml"
        )
        write(
            """
            version: 1
            layouts:
              sim:
                delimiter: ","
                header: true
                columns: { amount: amount, currency: currency, hash: transaction_hash, bank_reference: external_ref, payer: payer }
                time: { column: booked_at, format: rfc3339, zone: UTC }

            """,
            to: "\(house.folder)/layouts.yaml"
        )
        bank = try await SimulatedBank(
            house,
            callbacks: "http://127.0.0.1:\(port)/webhooks/relay",
            secretFile: "\(house.folder)/relay.secret",
            faults: Self.faults,
            seed: seed
        )
    }

    /// A daemon of the storm; only the first takes callbacks.
    func daemon(_ name: String, takesCallbacks: Bool = true) throws -> Daemon {
        var settings = [
            "BURSAR_BAKONG_URL": bank.url, "BURSAR_BAKONG_TOKEN_KEY_FILE": "\(house.folder)/token.key",
            "BURSAR_BAKONG_EMAIL_FILE": "\(house.folder)/email", "BURSAR_BAKONG_RATE": "none",
            "BURSAR_WEBHOOKS_SOURCES": "\(house.folder)/webhooks.yaml",
            "BURSAR_PAYMENTS_STATEMENTS": "\(house.folder)/layouts.yaml",
        ]
        if takesCallbacks { settings["BURSAR_HTTP_PUBLIC_ADDRESS"] = "127.0.0.1:\(port)" }
        return try house.daemon(name, settings: settings)
    }

    /// Brings the token in and shows a QR for so many open invoices.
    mutating func open(count: Int) async throws {
        write(bank.token, to: "\(house.folder)/token")
        let stored = try await house.bursar("bakong", "token", "set", "\(house.folder)/token", "--reason", "test")
        #expect(stored.status == 0, "\(stored)")
        let account = try await house.bursar(
            "payments",
            "account",
            "shop@bank",
            "--provider",
            "bakong",
            "--name",
            "Shop"
        )
        #expect(account.status == 0, "\(account)")
        let rows = try await house.query(
            """
            with owed as (
                select r.invoice_id, r.open_amount, r.currency from bursar.receivable r
                where r.state = 'open' and r.open_amount > 0 order by r.invoice_id limit \(count)
            ), shown as (
                select o.*, bursar.present_payment(o.invoice_id, 'shop@bank', 'a QR of invoice ' || o.invoice_id) as attempt from owed o
            )
            select invoice_id, md5('a QR of invoice ' || invoice_id) as md5, currency,
                case currency when 'KHR' then open_amount::text else (open_amount / 100.0)::numeric(20, 2)::text end as amount
            from shown order by invoice_id
            """
        )
        shown = try rows.map { row in
            (
                invoice: try row.get("invoice_id"), md5: try row.get("md5"), amount: try row.get("amount"),
                currency: try row.get("currency")
            )
        }
        #expect(shown.count == count)
    }

    /// Customers pay these QRs.
    func pay(_ range: Range<Int>) async throws {
        let wishes = shown[range].map { wish in
            #"{"md5":"\#(wish.md5)","account":"shop@bank","amount":"\#(wish.amount)","currency":"\#(wish.currency)"}"#
        }
        try await bank.post("pay", "[\(wishes.joined(separator: ","))]")
    }

    /// Asks for a reconciliation, and waits until it has succeeded.
    func reconcile() async throws {
        let id: Int64 = try await house.value("select run_id from bursar.enqueue('bakong-reconciliation')")
        let row = try await house.ended(id, within: .seconds(120))
        #expect(row.state == "succeeded", "\(row)")
    }

    /// Everything that must not change when nothing happened.
    func fingerprint() async throws -> String {
        try await house.value(
            """
            select md5(string_agg(part, '|')) from (
                select (select string_agg(concat(id, state, version), ',' order by id) from bursar.payment_attempt) as part
                union all select (select string_agg(concat(id, state, version), ',' order by id) from bursar.payment_intent)
                union all select (select string_agg(concat(invoice_id, open_amount), ',' order by invoice_id) from bursar.receivable)
                union all select (select concat(count(*), max(id)) from bursar.payment_match)
                union all select (select concat(count(*), max(id)) from bursar.suspense)
                union all select (select concat(count(*), max(id)) from bursar.allocation)
            ) as parts
            """
        )
    }
}

/// `bursar sim bakong` as a process of the test.
struct SimulatedBank: Sendable {
    let url: String
    let token: String
    private let client = HTTPClient()

    /// A payment as it really happened.
    struct Truth: Decodable, Sendable {
        let hash: String
        let md5: String
        let amount: String
        let currency: String
        let ordinal: Int
        let isRefunded: Bool

        private enum CodingKeys: String, CodingKey {
            case hash, md5, amount, currency, ordinal
            case isRefunded = "is_refunded"
        }
    }

    private struct Ready: Decodable {
        let url: String
        let token: String
    }

    init(_ house: House, callbacks: String, secretFile: String, faults: [String], seed: UInt64) async throws {
        var arguments = [
            "sim", "bakong", "--json", "--callbacks", callbacks, "--secret-file", secretFile, "--seed", "\(seed)",
        ]
        for fault in faults + ["retries=30", "retry_ms=100"] { arguments += ["--fault", fault] }
        let environment = Program.environment.merging(["BURSAR_ENVIRONMENT": "development"]) { $1 }
        let process = try house.start(Program.path, arguments, environment, as: "sim")
        try await waitUntil("the simulator serves", within: .seconds(30)) {
            if let ended = process.ended { throw DaemonEnded(ending: ended, said: process.said) }
            return process.answered.contains("\n")
        }
        let ready = try JSONDecoder().decode(Ready.self, from: Data(process.answered.utf8))
        (url, token) = (ready.url, ready.token)
    }

    @discardableResult
    func post(_ act: String, _ body: String = "{}") async throws -> String {
        let answer = try await client.send(
            HTTPRequest(
                method: "POST",
                url: "\(url)/sim/\(act)",
                headers: [HTTPField("Content-Type", "application/json")],
                body: Array(body.utf8),
                timeout: .seconds(60),
                maximumBytes: 16 << 20,
                allowsPlainText: true
            )
        )
        #expect(answer.status == 200, "\(String(decoding: answer.body.prefix(300), as: UTF8.self))")
        return String(decoding: answer.body, as: UTF8.self)
    }

    func get(_ what: String) async throws -> [UInt8] {
        let request = HTTPRequest(
            url: "\(url)/sim/\(what)",
            timeout: .seconds(60),
            maximumBytes: 16 << 20,
            allowsPlainText: true
        )
        return try await client.send(request).body
    }

    var truth: [Truth] {
        get async throws { try JSONDecoder().decode([Truth].self, from: Data(try await get("truth"))) }
    }
}
