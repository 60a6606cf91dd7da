internal import Billing
package import CivilTime
package import KHQR
package import Monetary
internal import JobKit
package import Postgres

/// What a QR for an invoice is made of: what is open on it, and who is paid.
package struct PaymentQR: Sendable {
    package let invoice: Int64
    package let number: String
    package let amount: Money
    package let account: String
    package let name: String
    package let merchant: Merchant
    package let lifetime: Duration
    /// Business time when it was read.
    package let now: Instant

    /// What an account says of its payee, as `merchant` of its rules.
    package struct Merchant: Codable, Sendable {
        package var name: String?
        package var city: String?
        package var kind: String?
        package var merchantID: String?
        package var acquiringBank: String?
        package var accountInformation: String?

        private enum CodingKeys: String, CodingKey {
            case name, city, kind
            case merchantID = "merchant_id"
            case acquiringBank = "acquiring_bank"
            case accountInformation = "account_information"
        }
    }

    /// A QR for what is open on an invoice, on an account; the merchant is a JSON object of the account's rules.
    package init(
        invoice: Int64,
        number: String,
        amount: Money,
        account: (account: String, name: String, merchant: String),
        lifetime: Duration,
        now: Instant
    ) throws {
        self.invoice = invoice
        self.number = number
        self.amount = amount
        (self.account, name) = (account.account, account.name)
        merchant = try JSONText(account.merchant).decoded(as: Merchant.self)
        self.lifetime = lifetime
        self.now = now
    }

    /// Reads what is open on an invoice, and an account of its issuer; the issuer's first Bakong account where none is named.
    ///
    /// - Throws: `PostgresError` with BU004 and a hint where there is no such invoice or account.
    package static func read(invoice: String, account: String?, in transaction: Transaction) async throws -> PaymentQR {
        let rows = try await transaction.query(PaymentQRStatements.read, invoice, account)
        guard let row = rows.first else {
            throw PostgresError(.decoding, "the invoice cannot be read", statement: PaymentQRStatements.read.name)
        }
        let currency = try Currency(known: row.get("currency"))
        return try PaymentQR(
            invoice: row.get("invoice_id"),
            number: try row.get("number"),
            amount: Money(minorUnits: try row.get("open_amount"), currency: currency),
            account: (try row.get("account"), try row.get("name"), try row.get("merchant")),
            lifetime: try row.get("qr_lifetime"),
            now: try row.get("now")
        )
    }

    /// The QR of one attempt, of a text that no other has: its bill number and its millisecond are its own.
    ///
    /// - Throws: what the official rules refuse: a name that is too long, an account that is none.
    package func payment(of amount: Money? = nil) throws(KHQRError) -> (payment: KHQRPayment, code: KHQRCode) {
        let receiver: KHQRPayment.Receiver =
            if merchant.kind == "merchant", let id = merchant.merchantID, let bank = merchant.acquiringBank {
                .merchant(account: account, merchantID: id, acquiringBank: bank)
            } else {
                .individual(
                    account: account,
                    accountInformation: merchant.accountInformation,
                    acquiringBank: merchant.acquiringBank
                )
            }
        let payment = KHQRPayment(
            to: receiver,
            merchantName: merchant.name ?? name,
            merchantCity: merchant.city ?? "Phnom Penh",
            amount: amount ?? self.amount,
            billNumber: billNumber,
            created: now,
            expires: now.adding(lifetime)
        )
        return (payment, try payment.code())
    }

    /// The end of the invoice's number, and its time in letters and digits: at most 25 characters.
    package var billNumber: String {
        let moment = String(now.milliseconds % 2_176_782_336, radix: 36, uppercase: true)
        return "\(number.suffix(18))-\(moment)"
    }
}

/// The statements of QRs.
package enum PaymentQRStatements {
    static let read = Statement(
        "payments.read_for_qr",
        """
        select i.id as invoice_id, i.number, i.currency, r.open_amount, a.account, a.name, a.merchant::text as merchant, a.qr_lifetime,
            bursar.business_now() as now
        from bursar.invoice i
        join bursar.receivable r on r.tenant_id = i.tenant_id and r.invoice_id = i.id
        cross join lateral bursar.payee_for_qr(i.issuer_id, $2::text, i.currency) as a
        where i.id = bursar.invoice_named($1::text)
        """
    )

    package static let all = [read]
}
