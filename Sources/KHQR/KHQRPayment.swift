package import CivilTime
package import Monetary

/// One try at being paid: a fresh code for a fixed amount, which ends.
///
/// The bill number and the millisecond of creation make its text, and with it its MD5, unique; whoever stores codes
/// still keeps the MD5 unique, since both can be given twice.
package struct KHQRPayment: Hashable, Sendable {
    /// Who is paid.
    package enum Receiver: Hashable, Sendable {
        /// A personal Bakong account, or with account information an account at a bank behind the bank's Bakong id.
        case individual(account: String, accountInformation: String? = nil, acquiringBank: String? = nil)
        /// A merchant of a bank.
        case merchant(account: String, merchantID: String, acquiringBank: String)
    }

    package var receiver: Receiver
    /// At most 25.
    package var merchantName: String
    /// At most 15.
    package var merchantCity: String
    /// More than nothing.
    package var amount: Money
    /// The reference by which the payment is found again, at most 25.
    package var billNumber: String
    /// Cut to whole milliseconds.
    package var created: Instant
    /// Cut to whole milliseconds, and not before the creation.
    ///
    /// NBC asks for at most ten minutes.
    package var expires: Instant
    /// Everything else that the code may say; what is named above counts.
    package var more = KHQRDraft()

    package init(
        to receiver: Receiver,
        merchantName: String,
        merchantCity: String = "Phnom Penh",
        amount: Money,
        billNumber: String,
        created: Instant,
        expires: Instant
    ) {
        self.receiver = receiver
        self.merchantName = merchantName
        self.merchantCity = merchantCity
        self.amount = amount
        self.billNumber = billNumber
        self.created = created
        self.expires = expires
    }

    /// The code of this try.
    ///
    /// - Throws: the first thing that is wrong; `amountInvalid` also where the amount is nothing or less, for that would
    ///   be a static code, which no lookup ever finds.
    package func code() throws(KHQRError) -> KHQRCode {
        guard amount.minorUnits > 0 else { throw KHQRError(.amountInvalid, "it must be more than nothing") }
        guard !billNumber.isEmpty else { throw KHQRError(.billNumberLength, "a payment has a reference") }
        var draft = more
        switch receiver {
        case .individual(let account, let information, let bank):
            draft.type = "individual"
            (draft.account, draft.merchantID) = (account, nil)
            (draft.accountInformation, draft.acquiringBank) = (information, bank)
        case .merchant(let account, let merchantID, let bank):
            draft.type = "merchant"
            (draft.account, draft.merchantID) = (account, merchantID)
            (draft.accountInformation, draft.acquiringBank) = (nil, bank)
        }
        draft.merchantName = merchantName
        draft.merchantCity = merchantCity
        draft.currency = amount.currency.code
        draft.amount = amount.plainText
        draft.billNumber = billNumber
        draft.created = "\(created.milliseconds)"
        draft.expires = "\(expires.milliseconds)"
        return try draft.code()
    }
}

extension Instant {
    /// Whole milliseconds since the epoch, the fraction cut off towards the past.
    package var milliseconds: Int64 { Int64(CivilCalendar.floorDivide(Int(microsecondsSinceEpoch), 1000)) }

    /// The instant so many milliseconds after the epoch, or the last there is.
    package init(milliseconds: Int64) {
        let (micros, overflow) = milliseconds.multipliedReportingOverflow(by: 1000)
        self.init(microsecondsSinceEpoch: overflow ? (milliseconds < 0 ? .min : .max) : micros)
    }
}
