package import CivilTime
package import Monetary

/// A KHQR that was read.
///
/// Reading and judging are two things. Reading refuses what is no KHQR, or could be read in two ways: objects that do
/// not add up, two of one tag, a field that is missing, too long or of another country's currency. It takes a code whose
/// checksum is wrong, whose amount or account looks odd, or that has expired, and tells what is in it; `verify` judges
/// that. Money that came in for a code is real whatever the code says about its end.
package struct DecodedKHQR: Sendable {
    /// A value: text, or for a template the objects in it.
    package enum Value: Hashable, Sendable {
        case text(String)
        case template([Field])
    }

    /// An object inside of a template.
    package struct Field: Hashable, Sendable {
        /// Two digits.
        package let tag: String
        package let text: String
    }

    /// An object of the code itself.
    package struct Object: Hashable, Sendable {
        /// Two digits.
        package let tag: String
        package let value: Value
    }

    /// The text that was read.
    package let text: String
    /// Its objects, in their order; no tag stands there twice.
    package let objects: [Object]
    /// The keys by which Bakong knows this text.
    package let code: KHQRCode
    /// The checksum that the text should have.
    package let expectedChecksum: String

    /// Reads a text, which must be the whole code and nothing else.
    ///
    /// - Throws: why it is no KHQR, with the code of the official SDK; `invalid` where that knows no nearer one.
    package init(_ text: String) throws(KHQRError) {
        try self.init(takenApart: text)
        try checkPresence()
        try checkFields(isVerifying: false, at: nil)
    }

    /// Reads a text and judges it too, in the order of the official verifiers: the checksum, what a dynamic code needs,
    /// what every code needs, then field after field.
    ///
    /// A code that ended before `now` is expired; nil where that does not matter.
    ///
    /// - Throws: the first thing that is wrong.
    package init(verifying text: String, at now: Instant?) throws(KHQRError) {
        try self.init(takenApart: text)
        guard hasRightChecksum else {
            throw KHQRError(.invalid, "its checksum is \(self["63"] ?? "missing"), and \(expectedChecksum) is right")
        }
        try checkDynamic()
        try checkPresence()
        try checkFields(isVerifying: true, at: now)
        try checkMerchant()
    }

    private init(takenApart text: String) throws(KHQRError) {
        objects = try Self.objects(of: text)
        self.text = text
        code = try KHQRCode(text: text)
        expectedChecksum = CRC16.text(of: text.utf8.dropLast(4))
    }

    /// What the official verifiers say against this code; nil where nothing.
    package func objection(at now: Instant?) -> KHQRError? {
        do throws(KHQRError) {
            _ = try DecodedKHQR(verifying: text, at: now)
            return nil
        } catch {
            return error
        }
    }

    /// Whether the checksum is the text's, in upper case as it must be.
    package var hasRightChecksum: Bool { self["63"] == expectedChecksum }

    /// The text of an object; nil where it is not there, or is a template.
    package subscript(tag: String) -> String? {
        guard case .text(let text)? = objects.first(where: { $0.tag == tag })?.value else { return nil }
        return text
    }

    /// The text of an object inside of a template.
    package subscript(tag: String, inner: String) -> String? {
        guard case .template(let fields)? = objects.first(where: { $0.tag == tag })?.value else { return nil }
        return fields.first { $0.tag == inner }?.text
    }
}

/// What a payment needs of a code.
extension DecodedKHQR {
    /// Whether it pays a merchant of a bank, by tag 30; otherwise it is tag 29.
    package var isMerchant: Bool { self["30", "00"] != nil }

    /// Whether it has an amount, and its payer types none.
    package var hasAmount: Bool { self["54"] != nil }

    /// The Bakong account that is paid.
    package var account: String? { self["30", "00"] ?? self["29", "00"] }

    /// The currency; reading has refused any other.
    package var currency: Currency? { self["53"].flatMap(Currency.init(khqrNumber:)) }

    /// The amount; nil where there is none, or where it is no whole number of minor units of the currency.
    package var amount: Money? {
        guard let text = self["54"], let currency else { return nil }
        return AmountText.money(text, in: currency)
    }

    package var merchantName: String? { self["59"] }

    package var merchantCity: String? { self["60"] }

    /// The payment's reference at the merchant.
    package var billNumber: String? { self["62", "01"] }

    /// When the code was made; nil where it does not say so in milliseconds.
    package var created: Instant? { instant("00") }

    /// When the code ends; nil where it does not say so in milliseconds.
    ///
    /// It informs, and undoes no payment.
    package var expires: Instant? { instant("01") }

    private func instant(_ inner: String) -> Instant? {
        guard let text = self["99", inner], text.utf8.count == 13 else { return nil }
        return Int64(digits: text).map(Instant.init(milliseconds:))
    }
}
