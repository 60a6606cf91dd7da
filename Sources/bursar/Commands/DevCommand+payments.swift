import Billing
import Engine
import Glibc
import JobKit
import Logging
import Monetary
import Payments
import Postgres

/// A demonstration of payments: a simulated Bakong on this machine, customers who pay what they owe, and what comes of it.
///
/// In development only. Everything it needs lies beside the private server, and nothing leaves the machine.
struct DemoPayments {
    static let account = "mekong_demo@bank"
    private static let source = "sim"
    /// How many invoices are paid.
    private static let most = 50

    let simulator: BakongSimulator

    /// What the simulated gateway does wrong: now and then, as in life.
    static var script: BakongScript {
        var script = BakongScript()
        script[.callbackLost] = 0.1
        script[.callbackDoubled] = 0.1
        script[.paysOtherAmount] = 0.05
        return script
    }

    /// Settings by which a daemon asks this simulator and takes its callbacks.
    ///
    /// - Throws: what cannot be written beside the private server.
    static func settings(
        _ options: GlobalOptions,
        _ simulator: BakongSimulator,
        port: Int,
        mailPort: Int
    ) throws -> Settings {
        let folder = try options.settings().database.developmentDirectory + "-sim"
        mkdir(folder, 0o700)
        try NewFile.write(String(repeating: "5a", count: 32), to: "\(folder)/token.key", force: true)
        try NewFile.write(simulator.bank.email, to: "\(folder)/email", force: true)
        try NewFile.write(simulator.gateway.secretText, to: "\(folder)/secret", force: true)
        try NewFile.write(
            """
            version: 1
            sources:
              \(source):
                scheme: standard-webhooks
                secrets: [{ file: secret }]
                payment:
                  md5: data.md5
                  provider_reference: data.hash
                  account: data.toAccountId
                  amount: data.amount
                  currency: data.currency
                  paid_when: { data.status: SUCCESS }

            """,
            to: "\(folder)/webhooks.yaml",
            force: true
        )
        var options = options
        options.set += [
            "bakong.url=\(simulator.url)", "bakong.rate=none", "bakong.token_key_file=\(folder)/token.key",
            "bakong.email_file=\(folder)/email", "webhooks.sources=\(folder)/webhooks.yaml",
            "http.public_address=127.0.0.1:\(port)", try DemoNotices.setting(options, port: mailPort),
        ]
        return try options.settings()
    }

    /// Where the gateway posts to.
    static func callbacks(port: Int) -> String { "http://127.0.0.1:\(port)/webhooks/\(source)" }

    /// A port that nobody listens on now.
    static func freePort() throws(CommandFailure) -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let failed = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) != 0 || getsockname(descriptor, $0, &length) != 0
            }
        }
        if failed { throw CommandFailure(.unavailable, "there is no free port for the simulated gateway's callbacks") }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// Shows QRs for open invoices, has them paid, and reconciles.
    /// - Returns: what came of it, in lines.
    func play(_ daemon: Daemon) async throws -> [String] {
        let actor = "operator:\(OperatorName.current)"
        let wish = BakongTokenWish(token: simulator.token, reason: "bursar dev run")
        let store = OperatorRequest(command: "bakong.token.set", body: Array(JSON.text(of: wish).utf8), actor: actor)
        _ = try await OperatorCommands.bakong(store, daemon: daemon)
        let shown = try await show(daemon, actor)
        guard !shown.isEmpty else { return ["payments: nothing is open"] }
        for wish in shown { simulator.pay(wish) }
        let desk = RunDesk(database: daemon.database, record: RunNotes.record)
        var request = RunRequest(job: "bakong-reconciliation")
        request.reason = "bursar dev run"
        let run = try await desk.enqueue(request, by: actor).run
        daemon.node.wake()
        var facts: RunFacts = try await desk.show(run).decoded()
        while !facts.hasEnded {
            // Waiting: the run is another task's, and its end is a row.
            try await Task.sleep(for: .milliseconds(50))
            facts = try await desk.show(run).decoded()
        }
        return [
            "payments: \(shown.count) QRs shown, paid at a simulated Bakong, callbacks on their way",
            "reconciliation: \(facts.state), \(facts.outcome ?? "nothing to say")",
        ]
    }

    private func show(_ daemon: Daemon, _ actor: String) async throws -> [SimWish] {
        let options = TransactionOptions(role: "bursar_ops", settings: [("bursar.actor", actor)])
        return try await daemon.database.withTransaction(options) { transaction in
            _ = try await transaction.query(DemoPaymentStatements.account, Self.account)
            return try await transaction.query(DemoPaymentStatements.show, Self.account, Self.most).map { row in
                let currency = try Currency(known: row.get("currency"))
                return SimWish(
                    md5: try row.get("md5"),
                    toAccount: Self.account,
                    amount: Money(minorUnits: try row.get("amount"), currency: currency)
                )
            }
        }
    }
}

/// The statements of the demonstration of payments.
enum DemoPaymentStatements {
    static let account = Statement(
        "bursar.demo_account",
        """
        select bursar.put_receiving_account(i.id, 'bakong', $1, 'Demonstration', '{}', 'demonstration') as id
        from bursar.issuer i order by i.id limit 1
        """
    )

    /// Opaque texts in place of QRs: the simulated bank looks at their md5 alone.
    static let show = Statement(
        "bursar.demo_show",
        """
        select md5(o.qr) as md5, o.currency, o.open_amount as amount, bursar.present_payment(o.invoice_id, $1::text, o.qr) as attempt
        from (
            select r.invoice_id, r.currency, r.open_amount, 'demonstration ' || gen_random_uuid() as qr
            from bursar.receivable r
            join bursar.invoice i on i.tenant_id = r.tenant_id and i.id = r.invoice_id
            where r.state = 'open' and i.issuer_id = (select min(id) from bursar.issuer)
            order by r.invoice_id limit $2::integer
        ) as o
        """
    )

    static let all = [account, show]
}
