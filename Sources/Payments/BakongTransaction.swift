package import CivilTime
package import Monetary
package import Postgres

/// A payment as Bakong tells of it: that somebody paid, and not yet that it is what we asked for.
///
/// Whoever settles compares account, currency, amount and time first. Texts are as Bakong sent them; what it left out, or sent
/// empty, is nil.
package struct BakongTransaction: Equatable, Sendable {
    /// Bakong's own id, 64 hex digits in lower case: the only key that is unique everywhere.
    package let hash: String
    /// Often a settlement account of the payer's bank, which says nothing of the payer.
    package let fromAccount: String?
    package let toAccount: String?
    /// Nil where it is missing or none that Bursar bills in; `amount` then says so.
    package let currency: Currency?
    package let amount: BakongAmount
    /// When the payer sent it, in UTC; milliseconds, cut off.
    package let createdAt: Instant?
    /// When Bakong recorded it, which is later; milliseconds, cut off.
    package let acknowledgedAt: Instant?
    /// The reference of the payer's bank, not ours.
    package let externalRef: String?
    package let instructionRef: String?
    package let description: String?
    /// Mostly nil where it was looked up by md5.
    package let trackingStatus: BakongTracking?
    package let receiverBank: String?
    package let receiverBankAccount: String?
    /// The text of the answer about this payment, for the observation: fit for a `jsonb` column, numbers as they were written.
    package let raw: JSONText
}

/// An amount out of an answer.
package enum BakongAmount: Equatable, Sendable {
    /// Exact minor units, zero or more.
    case money(Money)
    /// The text does not fit the currency, or is no amount; the words say why.
    case unreadable(text: String, why: String)

    package var money: Money? {
        if case .money(let money) = self { return money }
        return nil
    }
}

/// Where Bakong says a payment is on its way to the receiver's bank.
///
/// A payment that was found can still come back.
package enum BakongTracking: Equatable, Sendable, CustomStringConvertible {
    case receivedAtACH
    case receivedAtReceiverBank
    case acknowledged
    /// The receiving bank has sent it back: the money is not there.
    case refundedByReceiver
    /// It never arrived: the money is not there.
    case failedAtACH
    /// A word that nobody has documented.
    case other(String)

    package init(_ text: String) {
        self = Self.known.first { $0.description == text.uppercased() } ?? .other(text)
    }

    /// Bakong's word.
    package var description: String {
        switch self {
        case .receivedAtACH: "RECEIVE_AT_ACH"
        case .receivedAtReceiverBank: "RECEIVE_AT_RECEIVER_BANK"
        case .acknowledged: "ACKNOWLEDGED_BY_FI"
        case .refundedByReceiver: "REFUNDED_BY_RECEIVER"
        case .failedAtACH: "FAILED_AT_ACH"
        case .other(let text): text
        }
    }

    /// Whether the money went back or never came.
    package var isReversal: Bool { self == .refundedByReceiver || self == .failedAtACH }

    private static let known: [BakongTracking] = [
        .receivedAtACH, .receivedAtReceiverBank, .acknowledged, .refundedByReceiver, .failedAtACH,
    ]
}

/// What a lookup found out about one key.
package enum BakongFinding: Equatable, Sendable {
    case found(BakongTransaction)
    /// Bakong knows of no such payment now; there may be one later.
    case notFound
    /// A payment was tried and failed; the customer may pay again.
    case failed
    /// A static QR has no md5 that could be looked up: never ask again.
    case staticQR
    /// Nothing is known: neither paid nor unpaid.
    case unknown(BakongFault)

    package var transaction: BakongTransaction? {
        if case .found(let transaction) = self { return transaction }
        return nil
    }

    /// Whether Bakong has said something about the key: only then is the key's data complete up to the time of the call.
    package var isConclusive: Bool {
        if case .unknown = self { return false }
        return true
    }

    package var fault: BakongFault? {
        if case .unknown(let fault) = self { return fault }
        return nil
    }
}
