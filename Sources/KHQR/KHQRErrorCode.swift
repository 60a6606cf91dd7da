/// The error codes of the official SDK, by their numbers and with its words.
///
/// The order is that of the JavaScript SDK; the printed documentation 2.7 swaps 35 and 36. 13 to 15 and 29 belong to
/// the SDK's network calls and are never thrown here. 51 is not in NBC's table: the TypeScript port has it, and there is
/// no official code for a category that is no number.
package enum KHQRErrorCode: Int, CaseIterable, Sendable {
    case accountMissing = 1
    case merchantNameMissing = 2
    case accountInvalid = 3
    case amountInvalid = 4
    case merchantTypeMissing = 5
    case accountLength = 6
    case merchantNameLength = 7
    case invalid = 8
    case currencyMissing = 9
    case billNumberLength = 10
    case storeLabelLength = 11
    case terminalLabelLength = 12
    case serviceUnreachable = 13
    case deeplinkSourceInvalid = 14
    case internalError = 15
    case formatIndicatorLength = 16
    case pointOfInitiationLength = 17
    case categoryLength = 18
    case currencyLength = 19
    case countryLength = 20
    case merchantCityLength = 21
    case checksumLength = 22
    case formatIndicatorMissing = 23
    case checksumMissing = 24
    case categoryMissing = 25
    case countryMissing = 26
    case merchantCityMissing = 27
    case currencyUnsupported = 28
    case deeplinkURLInvalid = 29
    case merchantIDMissing = 30
    case acquiringBankMissing = 31
    case merchantIDLength = 32
    case acquiringBankLength = 33
    case mobileNumberLength = 34
    case accountInformationLength = 35
    case tagOrder = 36
    case languageMissing = 37
    case languageLength = 38
    case alternateNameMissing = 39
    case alternateNameLength = 40
    case alternateCityLength = 41
    case purposeLength = 42
    case unionPayLength = 43
    case unionPayCurrency = 44
    case expiryMissing = 45
    case expired = 46
    case dynamicInvalid = 47
    case pointOfInitiationInvalid = 48
    case expiryLength = 49
    case expiryBeforeCreation = 50
    case categoryInvalid = 51

    /// What the official SDK says for it.
    package var officialText: String { Self.texts[rawValue - 1] }

    private static let texts = [
        "Bakong Account ID cannot be null or empty",
        "Merchant name cannot be null or empty",
        "Bakong Account ID is invalid",
        "Amount is invalid",
        "Merchant type cannot be null or empty",
        "Bakong Account ID Length is Invalid",
        "Merchant Name Length is invalid",
        "KHQR provided is invalid",
        "Currency type cannot be null or empty",
        "Bill Name Length is invalid",
        "Store Label Length is invalid",
        "Terminal Label Length is invalid",
        "Cannot reach Bakong Open API service",
        "Source Info for Deep Link is invalid",
        "Internal server error",
        "Payload Format indicator Length is invalid",
        "Point of initiation Length is invalid",
        "Merchant code Length is invalid",
        "Transaction currency Length is invalid",
        "Country code Length is invalid",
        "Merchant city Length is invalid",
        "CRC Length is invalid",
        "Payload format indicator tag required",
        "CRC tag required",
        "Merchant category tag required",
        "Country Code cannot be null or empty",
        "Merchant City cannot be null or empty",
        "Unsupported currency",
        "Deep Link URL is not valid",
        "Merchant ID cannot be null or empty",
        "Acquiring Bank cannot be null or empty",
        "Merchant ID Length is invalid",
        "Acquiring Bank Length is invalid",
        "Mobile Number Length is invalid",
        "Account Information Length is invalid",
        "Tag is not in order",
        "Language Preference cannot be null or empty",
        "Language Preference Length is invalid",
        "Merchant Name Alternate Language cannot be null or empty",
        "Merchant Name Alternate Language Length is invalid",
        "Merchant City Alternate Language Length is invalid",
        "Purpose of Transaction Length is invalid",
        "Upi Account Information Length is invalid",
        "Upi Account Information does not accept USD",
        "Expiration timestamp is required for dynamic KHQR",
        "KHQR has expired",
        "Dynamic KHQR is invalid",
        "Point of Initiation Method is invalid",
        "Expiration timestamp length is invalid",
        "Expiration timestamp is in the past",
        "Merchant category code is invalid",
    ]
}

/// Why a KHQR was not made, or not read.
package struct KHQRError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The official SDK's code.
    package let code: KHQRErrorCode
    /// What it was in this case, in a few words; nil where the code says it all.
    package let detail: String?

    package init(_ code: KHQRErrorCode, _ detail: String? = nil) {
        self.code = code
        self.detail = detail
    }

    /// The official SDK's words, and the case's own after a colon.
    package var message: String {
        guard let detail else { return code.officialText }
        return "\(code.officialText): \(detail)"
    }

    package var description: String { "\(message) (KHQR error \(code.rawValue))" }
}
