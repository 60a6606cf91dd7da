import KHQR

/// What this library must answer to a vector's input.
extension KHQRVector {
    enum Answer: Equatable {
        /// Exactly the row's text.
        case same
        /// Another text, with these tags.
        case tags([String: JSON])
        case error(KHQRErrorCode)
    }

    /// The input in our words.
    var draft: KHQRDraft? {
        guard kind != "crc", !input.isEmpty, input["bank"] == nil else { return nil }
        var draft = KHQRDraft()
        draft.type = input["type"]?.text ?? "individual"
        draft.account = first("account_id", "bakong_account_id", "bakongAccountID")
        draft.merchantName = first("merchant_name", "merchantName")
        draft.merchantCity = first("merchant_city", "merchantCity") ?? draft.merchantCity
        if let currency = input["currency"] {
            draft.currency = ["116": "KHR", "840": "USD"][currency] ?? currency.text
        }
        draft.amount = first("amount")
        draft.merchantID = first("merchant_id", "merchantID")
        draft.acquiringBank = first("acquiring_bank", "acquiringBank")
        draft.accountInformation = first("accountInformation")
        draft.unionPayAccount = first("upiMerchantAccount")
        draft.billNumber = first("bill_number", "billNumber")
        draft.mobileNumber = first("mobile_number", "phone_number", "mobileNumber")
        draft.storeLabel = first("store_label", "storeLabel")
        draft.terminalLabel = first("terminal_label", "terminalLabel")
        draft.purpose = first("purpose_of_transaction", "purposeOfTransaction")
        draft.language = first("language_preference", "languagePreference")
        draft.alternateName = first("merchant_name_alternate", "merchantNameAlternateLanguage")
        draft.alternateCity = first("merchant_city_alternate", "merchantCityAlternateLanguage")
        (draft.created, draft.expires) = moments
        return draft
    }

    private func first(_ names: String...) -> String? { names.lazy.compactMap { input[$0]?.text }.first }

    /// The moments that the row's own code has; one of the peers says when a code ends in days.
    private var moments: (String?, String?) {
        if let expires = input["expirationTimestamp"]?.text { return ("1769580000000", expires) }
        let inside = decoded["99"]?.object
        let created = inside?["00"]?.text ?? clock.map { "\($0)" } ?? "1769580000000"
        if let expires = inside?["01"]?.text { return (created, expires) }
        guard id.hasPrefix("bk-") || input["expire_in_ms"]?.text ?? "0" != "0", let start = Int64(created) else {
            return (created, nil)
        }
        let days = input["expiration"]?.text.flatMap { Int64($0) } ?? 1
        return (created, "\(start + days * 86_400_000)")
    }

    /// Why the peers are wrong about these, or say nothing about our form of the input.
    private static let decided: [String: Answer] = [
        "bk-029": .tags(["01": .string("12"), "54": .string("5")]),  // whoever names an amount gets it
        "bk-035": .tags(["54": .string("10.50")]),  // decimal text is what we take
        "bk-037": .tags(["01": .string("11")]),  // no amount is a static code
        "bk-039": .error(.amountInvalid),
        "bk-046": .tags(["62": .object(["02": .string("12345678")])]),  // as given
        "bk-053": .error(.invalid),  // 116 characters have no length
        "bk-055": .error(.billNumberLength),  // a reference of blanks
        "bk-056": .tags(["62": .object(["01": .string("  INV-9  ")])]),  // as given
        "bk-057": .error(.invalid),  // a line break is no character of a code
        "bk-074": .error(.currencyUnsupported),
        "bk-076": .error(.currencyMissing),
        "bk-093": .error(.expiryBeforeCreation),
        "cb-118": .tags(["54": .string("1.50")]),
        "kt-113": .error(.currencyUnsupported),
        "kt-114": .error(.invalid),
        "php-184": .error(.invalid),  // two readings of one text
    ]

    var answer: Answer {
        if let decided = Self.decided[id] { return decided }
        if let code = officialError.flatMap(KHQRErrorCode.init(rawValue:)) { return .error(code) }
        if lint.contains(where: { $0.hasPrefix("K-99-without-expiry") }) { return .error(.expiryMissing) }
        var tags = decoded
        for (place, value) in official {
            let parts = place.split(separator: ".").map(String.init)
            if parts.count == 2 {
                var inner = tags[parts[0]]?.object ?? [:]
                inner[parts[1]] = value
                tags[parts[0]] = .object(inner)
            } else {
                tags[place] = value
            }
        }
        if tags["01"] == .string("11") { tags["99"] = nil }
        let isSame = lint.allSatisfy { $0.hasPrefix("E-59-not-ans") || $0.hasPrefix("E-60-not-ans") }
        return isSame && tags == decoded ? .same : .tags(tags.filter { $0.key != "63" })
    }
}

extension Dictionary where Key == String, Value == String {
    fileprivate subscript(value: KHQRVector.JSON) -> String? {
        guard case .number(let text) = value else { return nil }
        return self[text]
    }
}
