/// What a callback claims about a payment: keys to look it up by, and what it says of the money.
///
/// A hint starts a lookup and proves nothing, unless its source is configured as authoritative. Keys are as the sender wrote
/// them; every one of them may be missing or made up.
package struct CallbackHint: Equatable, Sendable {
    /// The webhook source's name.
    package var source: String
    /// The webhook event's number, from which the hint was read.
    package var event: Int64
    /// The md5 of the QR text, 32 lower-case hex digits.
    package var md5: String?
    /// The provider's own transaction id: Bakong's hash, a gateway's `tran_id`.
    package var providerReference: String?
    /// Our bill number, tag 62.01 of the QR.
    package var billNumber: String?
    /// The account that was paid into, if the sender tells.
    package var account: String?
    /// Decimal text, as `12.50`.
    package var amount: String?
    /// `KHR` or `USD`.
    package var currency: String?
    /// Whether the sender says that the money is there.
    package var saysPaid: Bool
    /// Whether the source is configured to settle without a lookup of our own.
    package var isAuthoritative: Bool

    package init(
        source: String,
        event: Int64,
        md5: String? = nil,
        providerReference: String? = nil,
        billNumber: String? = nil,
        account: String? = nil,
        amount: String? = nil,
        currency: String? = nil,
        saysPaid: Bool = true,
        isAuthoritative: Bool = false
    ) {
        self.source = source
        self.event = event
        self.md5 = md5
        self.providerReference = providerReference
        self.billNumber = billNumber
        self.account = account
        self.amount = amount
        self.currency = currency
        self.saysPaid = saysPaid
        self.isAuthoritative = isAuthoritative
    }
}
