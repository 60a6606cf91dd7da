package import CivilTime
package import Monetary

/// What a message may speak of.
///
/// Templates read these under the names that `TemplateFacts` gives them; who writes a template never sees a number
/// that is not formatted.
package struct NoticeFacts: Sendable {
    package var issuer: Issuer
    package var payer: String
    package var tenant: String
    /// The invoices that the message speaks of, oldest due first: one for an event, several for a digest.
    package var invoices: [Invoice]
    /// Of money that came, went back or did not fit.
    package var payment: Payment?
    package var subscription: Subscription?
    /// The day on which access ends where nothing is paid: the day after the last payment grace.
    package var suspendedFrom: CivilDate?
    /// For messages to the house: what happened, in one sentence.
    package var event: String?
    /// Where one click unsubscribes.
    package var unsubscribe: String?
    /// The payer's, for "today".
    package var today: CivilDate

    package struct Issuer: Hashable, Sendable {
        package var name: String
        package var legalName: String
        package var taxID: String?

        package init(name: String, legalName: String, taxID: String? = nil) {
            self.name = name
            self.legalName = legalName
            self.taxID = taxID
        }
    }

    package struct Invoice: Hashable, Sendable {
        package var id: Int64
        package var number: String
        package var total: Money
        package var open: Money
        package var issueDate: CivilDate
        package var dueDate: CivilDate
        /// The last day of payment grace.
        package var graceEnd: CivilDate
        /// The text of a KHQR for what is open; nil where there is no account to pay to.
        package var qr: String?

        package init(
            id: Int64,
            number: String,
            total: Money,
            open: Money,
            issueDate: CivilDate,
            dueDate: CivilDate,
            graceEnd: CivilDate,
            qr: String? = nil
        ) {
            self.id = id
            self.number = number
            self.total = total
            self.open = open
            self.issueDate = issueDate
            self.dueDate = dueDate
            self.graceEnd = graceEnd
            self.qr = qr
        }
    }

    package struct Payment: Hashable, Sendable {
        package var amount: Money
        package var received: CivilDate
        package var reference: String?

        package init(amount: Money, received: CivilDate, reference: String? = nil) {
            self.amount = amount
            self.received = received
            self.reference = reference
        }
    }

    package struct Subscription: Hashable, Sendable {
        package var reference: String
        package var plan: String

        package init(reference: String, plan: String) {
            self.reference = reference
            self.plan = plan
        }
    }

    package init(issuer: Issuer, payer: String, tenant: String, invoices: [Invoice] = [], today: CivilDate) {
        self.issuer = issuer
        self.payer = payer
        self.tenant = tenant
        self.invoices = invoices
        self.today = today
    }
}
