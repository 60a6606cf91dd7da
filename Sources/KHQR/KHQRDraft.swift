internal import Monetary

/// What a code shall say, as somebody wrote it down: texts, nothing checked yet.
///
/// Lengths are counted in UTF-16 units. An optional text that is empty counts as not given; one of nothing but blanks
/// is refused, since its writer meant something else. No text may hold a control character, or a character outside the
/// Basic Multilingual Plane, which half of the readers count as one and half as two. Nothing is trimmed, cut or
/// rewritten: a code says exactly this, or is not made.
package struct KHQRDraft: Hashable, Sendable {
    /// `individual` (tag 29) or `merchant` (tag 30).
    package var type = "individual"
    /// The Bakong account that is paid, `name@bank`, at most 32.
    package var account: String?
    /// At most 25.
    package var merchantName: String?
    /// At most 15.
    package var merchantCity: String? = "Phnom Penh"
    /// `KHR` or `USD`.
    package var currency: String? = "KHR"
    /// Decimal text; nil or zero makes a static code, in which the payer types the amount.
    package var amount: String?
    /// A merchant's id at its bank, at most 32; of merchants only, who need it.
    package var merchantID: String?
    /// The bank's name, at most 32; merchants need it.
    package var acquiringBank: String?
    /// An account or phone number at the bank, at most 32; of individuals only.
    package var accountInformation: String?
    /// The account at UnionPay that tag 15 has, at most 99; with KHR only.
    package var unionPayAccount: String?
    /// The payment's reference at the merchant, at most 25.
    package var billNumber: String?
    /// At most 25, written as given.
    package var mobileNumber: String?
    /// At most 25.
    package var storeLabel: String?
    /// At most 25.
    package var terminalLabel: String?
    /// At most 25.
    package var purpose: String?
    /// The language of the names below, two letters.
    package var language: String?
    /// The merchant's name in that language, at most 25; needed where a language is given.
    package var alternateName: String?
    /// The city in that language, at most 15.
    package var alternateCity: String?
    /// The merchant's category (ISO 18245), four digits.
    package var category: String? = "5999"
    /// When the code was made, in milliseconds of 1970; dynamic codes only.
    package var created: String?
    /// When the code ends, in milliseconds of 1970; dynamic codes need it, static ones leave it out.
    package var expires: String?

    package init() {}

    /// The code that says this.
    ///
    /// Everything is checked in the order of the official SDK, which decides what code a draft with two faults gets.
    ///
    /// - Throws: the first thing that is wrong.
    package func code() throws(KHQRError) -> KHQRCode {
        let amount = try checkedAmount()
        var root = TLVWriter()
        try root.add("00", "01")
        try root.add("01", amount == nil ? "11" : "12")
        try root.add("15", ifThere: checkedUnionPay())
        try root.add(isMerchant ? "30" : "29", receiver())
        try root.add("52", checkedCategory())
        try root.add("53", checkedCurrency().khqrNumber)
        try root.add("54", ifThere: amount.map(AmountText.text))
        try root.add("58", "KH")
        try root.add("59", needed(merchantName, upTo: 25, .merchantNameMissing, .merchantNameLength))
        try root.add("60", needed(merchantCity, upTo: 15, .merchantCityMissing, .merchantCityLength))
        try root.add("62", ifThere: additionalData())
        try root.add("64", ifThere: otherLanguage())
        if amount != nil { try root.add("99", moments()) }
        return try KHQRCode(text: root.closed())
    }

    var isMerchant: Bool { type == "merchant" }

    // What stands before the amount is checked before it, whatever the amount is needed for earlier.
    private func checkedAmount() throws(KHQRError) -> Money? {
        _ = try checkedUnionPay()
        _ = try receiver()
        _ = try checkedCategory()
        let currency = try checkedCurrency()
        if currency == .usd, try checkedUnionPay() != nil { throw KHQRError(.unionPayCurrency) }
        guard let text = amount else { return nil }
        // A zero may come with a sign out of somebody's floating point; anything else below zero is an error.
        let digits = text.utf8.first == UInt8(ascii: "-") ? String(Substring(text.utf8.dropFirst())) : text
        guard let money = AmountText.money(digits, in: currency), digits == text || money.isZero else {
            let places = currency.minorDigits == 0 ? "no decimals" : "at most \(currency.minorDigits) decimals"
            throw KHQRError(.amountInvalid, "write digits and at most one dot, \(currency) with \(places)")
        }
        guard !money.isZero else { return nil }
        guard AmountText.text(of: money).utf8.count <= 13 else {
            throw KHQRError(.amountInvalid, "it has more than 13 characters")
        }
        return money
    }

    private func checkedUnionPay() throws(KHQRError) -> String? {
        try optional(unionPayAccount, upTo: 99, .unionPayLength)
    }

    private func checkedCategory() throws(KHQRError) -> String {
        let digits = try needed(category, upTo: 4, .categoryMissing, .categoryLength)
        guard digits.utf16.count == 4 else { throw KHQRError(.categoryLength, "it has four digits") }
        guard digits.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) else {
            throw KHQRError(.categoryInvalid, "it has four digits")
        }
        return digits
    }

    private func checkedCurrency() throws(KHQRError) -> Currency {
        let code = try needed(currency, upTo: 3, .currencyMissing, .currencyLength)
        guard let currency = Currency(code: code.uppercased()) else {
            throw KHQRError(.currencyUnsupported, "KHR and USD are supported")
        }
        return currency
    }
}
