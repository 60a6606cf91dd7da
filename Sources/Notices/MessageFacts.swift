internal import CivilTime
internal import JobKit
internal import Monetary
internal import Postgres

/// What a message says, for machines: the body of a signed webhook.
enum MessageFacts {
    private struct Body: Encodable {
        let category: String
        let tenant: String
        let invoices: [Invoice]
        let payment: Amount?
        let subscription: String?
    }

    private struct Invoice: Encodable {
        let number: String
        let open: Amount
        let total: Amount
        let dueDate: String

        private enum CodingKeys: String, CodingKey {
            case number, open, total
            case dueDate = "due_date"
        }
    }

    private struct Amount: Encodable {
        /// Minor units.
        let amount: Int64
        let currency: String
    }

    /// A JSON object: amounts in minor units with their currency, dates in ISO 8601.
    static func json(_ message: ClaimedMessage, _ facts: NoticeFacts) -> String {
        let body = Body(
            category: message.category,
            tenant: message.first.tenantRef ?? String(message.tenant),
            invoices: facts.invoices.map { invoice in
                Invoice(
                    number: invoice.number,
                    open: Amount(amount: invoice.open.minorUnits, currency: invoice.open.currency.code),
                    total: Amount(amount: invoice.total.minorUnits, currency: invoice.total.currency.code),
                    dueDate: invoice.dueDate.description
                )
            },
            payment: facts.payment.map { Amount(amount: $0.amount.minorUnits, currency: $0.amount.currency.code) },
            subscription: facts.subscription?.reference
        )
        return (try? JSONText(encoding: body).text) ?? "{}"
    }
}
