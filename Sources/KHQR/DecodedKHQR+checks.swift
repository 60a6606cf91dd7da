internal import CivilTime
internal import Monetary

/// The official verifiers' checks.
extension DecodedKHQR {
    private var isDynamic: Bool { self["01"] == "12" }

    private func has(_ tag: String) -> Bool { objects.contains { $0.tag == tag } }

    /// A dynamic code has an amount, and an amount has an end.
    func checkDynamic() throws(KHQRError) {
        if isDynamic, !has("54") { throw KHQRError(.dynamicInvalid, "it has no amount") }
        if isDynamic || has("54"), !has("99") { throw KHQRError(.expiryMissing) }
    }

    /// What every code has, in the order of the official table; and that it begins and ends as EMVCo says.
    func checkPresence() throws(KHQRError) {
        guard has("00") else { throw KHQRError(.formatIndicatorMissing) }
        guard has("29") || has("30") else { throw KHQRError(.merchantTypeMissing, "there is no tag 29 or 30") }
        guard has("52") else { throw KHQRError(.categoryMissing) }
        guard has("53") else { throw KHQRError(.currencyMissing) }
        guard has("58") else { throw KHQRError(.countryMissing) }
        guard has("59") else { throw KHQRError(.merchantNameMissing) }
        guard has("60") else { throw KHQRError(.merchantCityMissing) }
        guard has("63") else { throw KHQRError(.checksumMissing) }
        guard objects.first?.tag == "00" else { throw KHQRError(.tagOrder, "tag 00 is not the first") }
        guard objects.last?.tag == "63" else { throw KHQRError(.tagOrder, "tag 63 is not the last") }
    }

    /// Each field, in the order of the text; `isVerifying` tells whether account, amount and times are judged too.
    func checkFields(isVerifying: Bool, at now: Instant?) throws(KHQRError) {
        for object in objects {
            switch object.value {
            case .text(let text): try check(object.tag, text, isVerifying)
            case .template: try checkTemplate(object.tag, isVerifying, now)
            }
        }
        if isVerifying, isDynamic, self["99"] != nil { throw KHQRError(.expiryMissing) }
    }

    /// A corporate merchant has both; the official verifiers do not look.
    func checkMerchant() throws(KHQRError) {
        guard isMerchant else { return }
        guard self["30", "01"] != nil else { throw KHQRError(.merchantIDMissing) }
        guard self["30", "02"] != nil else { throw KHQRError(.acquiringBankMissing) }
    }

    private func check(_ tag: String, _ text: String, _ isVerifying: Bool) throws(KHQRError) {
        switch tag {
        case "00":
            try require(text, 2...2, .formatIndicatorLength)
            guard text == "01" else { throw KHQRError(.invalid, "tag 00 is \(text), and 01 is the format known") }
        case "01":
            try require(text, 2...2, .pointOfInitiationLength)
            guard ["11", "12"].contains(text) else { throw KHQRError(.pointOfInitiationInvalid, "11 and 12 are known") }
        case "15": try require(text, 1...99, .unionPayLength)
        case "52":
            try require(text, 4...4, empty: .categoryMissing, .categoryLength)
            guard Int64(digits: text) != nil else { throw KHQRError(.categoryInvalid, "it has four digits") }
        case "53":
            try require(text, 3...3, empty: .currencyMissing, .currencyLength)
            guard currency != nil else { throw KHQRError(.currencyUnsupported, "116 and 840 are, and this is \(text)") }
        case "54":
            try require(text, 1...13, .amountInvalid)
            if isVerifying, amount == nil { throw KHQRError(.amountInvalid, "\(text) is no amount in its currency") }
        case "58": try require(text, 2...2, empty: .countryMissing, .countryLength)
        case "59": try require(text, 1...25, empty: .merchantNameMissing, .merchantNameLength)
        case "60": try require(text, 1...15, empty: .merchantCityMissing, .merchantCityLength)
        default: try require(text, 1...99, .invalid)
        }
    }

    private func checkTemplate(_ tag: String, _ isVerifying: Bool, _ now: Instant?) throws(KHQRError) {
        switch tag {
        case "29", "30": try checkReceiver(tag, isVerifying)
        case "62":
            try require(self[tag, "01"], 1...25, .billNumberLength)
            try require(self[tag, "02"], 1...25, .mobileNumberLength)
            try require(self[tag, "03"], 1...25, .storeLabelLength)
            try require(self[tag, "07"], 1...25, .terminalLabelLength)
            try require(self[tag, "08"], 1...25, .purposeLength)
        case "64":
            if self[tag, "00"] != nil, self[tag, "01"] == nil { throw KHQRError(.alternateNameMissing) }
            guard self[tag, "00"] != nil else { throw KHQRError(.languageMissing) }
            try require(self[tag, "00"], 2...2, .languageLength)
            try require(self[tag, "01"], 1...25, .alternateNameLength)
            try require(self[tag, "02"], 1...15, .alternateCityLength)
        case "99": if isVerifying, isDynamic { try checkMoments(now) }
        default: break
        }
    }

    private func checkReceiver(_ tag: String, _ isVerifying: Bool) throws(KHQRError) {
        guard let account = self[tag, "00"] else { throw KHQRError(.accountMissing) }
        try require(account, 1...32, empty: .accountMissing, .accountLength)
        if isVerifying, !account.utf8.contains(UInt8(ascii: "@")) {
            throw KHQRError(.accountInvalid, "it looks like name@bank")
        }
        if tag == "30" {
            try require(self[tag, "01"], 1...32, empty: .merchantIDMissing, .merchantIDLength)
        } else {
            try require(self[tag, "01"], 1...32, .accountInformationLength)
        }
        try require(self[tag, "02"], 1...32, empty: .acquiringBankMissing, .acquiringBankLength)
    }

    private func checkMoments(_ now: Instant?) throws(KHQRError) {
        guard let end = self["99", "01"] else { throw KHQRError(.expiryMissing) }
        try require(end, 13...13, .expiryLength)
        guard let expires else { throw KHQRError(.dynamicInvalid, "its end is no number") }
        if let created, expires < created { throw KHQRError(.expiryBeforeCreation, "it ends before it was made") }
        if let now, expires < now { throw KHQRError(.expired, "it ended at \(expires)") }
    }

    /// - Throws: `empty`, or else `length`, where the text is there and has not that many UTF-16 units.
    private func require(
        _ text: String?,
        _ lengths: ClosedRange<Int>,
        empty: KHQRErrorCode? = nil,
        _ length: KHQRErrorCode
    ) throws(KHQRError) {
        guard let count = text?.utf16.count, !lengths.contains(count) else { return }
        if count == 0, let empty { throw KHQRError(empty) }
        throw KHQRError(length, "it has \(count) characters")
    }
}
