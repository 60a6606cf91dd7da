internal import CivilTime
internal import KHQR
internal import Monetary
internal import Payments
package import Postgres

/// The QRs that letters show: one for each unpaid invoice of a message by mail, where its issuer has a Bakong account whose QRs
/// live for a day at least.
///
/// Each is an attempt like any other: it is presented in the transaction of the claim, asked about, and settles its invoice.
struct LetterQRs {
    /// Makes the QRs of these invoices and presents them.
    ///
    /// - Returns: the texts, by invoice.
    static func present(
        _ invoices: [(tenant: Int64, issuer: Int64, invoice: NoticeFacts.Invoice)],
        now: Instant,
        in transaction: Transaction
    ) async throws -> [Int64: String] {
        guard !invoices.isEmpty else { return [:] }
        let issuers = Array(Set(invoices.map(\.issuer))).sorted()
        let accounts = try await transaction.query(LetterQRStatements.accounts, issuers).map(Account.init)
        guard !accounts.isEmpty else { return [:] }
        var made: [(tenant: Int64, invoice: Int64, account: String, qr: String, bill: String, amount: Int64)] = []
        for (tenant, issuer, invoice) in invoices {
            guard let account = accounts.first(where: { $0.takes(invoice.open, of: issuer) }) else { continue }
            let qr = try PaymentQR(
                invoice: invoice.id,
                number: invoice.number,
                amount: invoice.open,
                account: (account.account, account.name, account.merchant),
                lifetime: account.lifetime,
                now: now
            )
            // What the official rules refuse (a name that is too long) is a letter without a QR.
            guard let code = try? qr.payment().code else { continue }
            made.append((tenant, invoice.id, account.account, code.text, qr.billNumber, invoice.open.minorUnits))
        }
        _ = try await transaction.query(
            LetterQRStatements.present,
            made.map(\.tenant),
            made.map(\.invoice),
            made.map(\.account),
            made.map(\.qr),
            made.map(\.bill),
            made.map(\.amount)
        )
        return Dictionary(made.map { ($0.invoice, $0.qr) }) { first, _ in first }
    }

    private struct Account {
        let issuer: Int64
        let currency: String?
        let account: String
        let name: String
        let merchant: String
        let lifetime: Duration

        init(_ row: Row) throws {
            issuer = try row.get("issuer_id")
            currency = try row.get("currency")
            account = try row.get("account")
            name = try row.get("name")
            merchant = try row.get("merchant")
            lifetime = try row.get("qr_lifetime")
        }

        func takes(_ amount: Money, of issuer: Int64) -> Bool {
            issuer == self.issuer && currency.map { $0 == amount.currency.code } ?? true
        }
    }
}

/// The statements of QRs in letters.
package enum LetterQRStatements {
    static let accounts = Statement(
        "notices.letter_accounts",
        "select issuer_id, currency, account, name, merchant, qr_lifetime from bursar.letter_accounts($1::bigint[])"
    )

    static let present = Statement(
        "notices.present_in_letters",
        """
        select bursar.present_in_letters($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[]) as presented
        """
    )

    package static let all = [accounts, present]
}
