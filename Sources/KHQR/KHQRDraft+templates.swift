/// The templates of a code: objects that hold objects.
extension KHQRDraft {
    /// Tag 29 or 30: who is paid.
    func receiver() throws(KHQRError) -> String {
        guard ["individual", "merchant"].contains(type) else {
            throw KHQRError(.merchantTypeMissing, "the type is individual or merchant")
        }
        let account = try needed(account, upTo: 32, .accountMissing, .accountLength)
        guard account.utf8.contains(UInt8(ascii: "@")) else {
            throw KHQRError(.accountInvalid, "it looks like name@bank")
        }
        var template = TLVWriter()
        try template.add("00", account)
        if isMerchant {
            try template.add("01", needed(merchantID, upTo: 32, .merchantIDMissing, .merchantIDLength))
            try template.add("02", needed(acquiringBank, upTo: 32, .acquiringBankMissing, .acquiringBankLength))
            try refuse(accountInformation, "account information belongs to the type individual")
        } else {
            try template.add("01", ifThere: optional(accountInformation, upTo: 32, .accountInformationLength))
            try template.add("02", ifThere: optional(acquiringBank, upTo: 32, .acquiringBankLength))
            try refuse(merchantID, "a merchant id belongs to the type merchant")
        }
        return template.text
    }

    /// Tag 62: what the merchant wants to find again.
    func additionalData() throws(KHQRError) -> String? {
        var template = TLVWriter()
        try template.add("01", ifThere: optional(billNumber, upTo: 25, .billNumberLength))
        try template.add("02", ifThere: optional(mobileNumber, upTo: 25, .mobileNumberLength))
        try template.add("03", ifThere: optional(storeLabel, upTo: 25, .storeLabelLength))
        try template.add("07", ifThere: optional(terminalLabel, upTo: 25, .terminalLabelLength))
        try template.add("08", ifThere: optional(purpose, upTo: 25, .purposeLength))
        return template.text.isEmpty ? nil : template.text
    }

    /// Tag 64: the merchant's name and city in another script.
    func otherLanguage() throws(KHQRError) -> String? {
        let language = try optional(language, upTo: 2, .languageLength)
        let name = try optional(alternateName, upTo: 25, .alternateNameLength)
        let city = try optional(alternateCity, upTo: 15, .alternateCityLength)
        guard let language else {
            guard name == nil, city == nil else { throw KHQRError(.languageMissing) }
            return nil
        }
        guard language.utf16.count == 2 else { throw KHQRError(.languageLength, "it has two letters, as km") }
        guard let name else { throw KHQRError(.alternateNameMissing) }
        var template = TLVWriter()
        try template.add("00", language)
        try template.add("01", name)
        try template.add("02", ifThere: city)
        return template.text
    }

    /// Tag 99: when the code was made, and when it ends.
    func moments() throws(KHQRError) -> String {
        guard let expires, !expires.isEmpty else {
            throw KHQRError(.expiryMissing, "a code with an amount says when it ends; NBC asks for at most ten minutes")
        }
        let end = try milliseconds(expires)
        guard let created, !created.isEmpty else {
            throw KHQRError(.dynamicInvalid, "it does not say when it was made")
        }
        guard try milliseconds(created) <= end else {
            throw KHQRError(.expiryBeforeCreation, "it would end before it was made")
        }
        var template = TLVWriter()
        try template.add("00", created)
        try template.add("01", expires)
        return template.text
    }

    private func milliseconds(_ text: String) throws(KHQRError) -> Int64 {
        guard text.utf16.count == 13 else { throw KHQRError(.expiryLength, "milliseconds of 1970 have 13 digits") }
        guard let value = Int64(digits: text) else { throw KHQRError(.dynamicInvalid, "a time is 13 digits") }
        return value
    }

    // Single texts

    /// - Throws: `missing` where the text is not there or says nothing, `length` where it is too long.
    func needed(
        _ text: String?,
        upTo limit: Int,
        _ missing: KHQRErrorCode,
        _ length: KHQRErrorCode
    ) throws(KHQRError) -> String {
        guard let text, !text.isBlank else { throw KHQRError(missing) }
        return try fitting(text, limit, length)
    }

    /// Nil where the text is empty.
    ///
    /// - Throws: `length` where it is too long or blank.
    func optional(_ text: String?, upTo limit: Int, _ length: KHQRErrorCode) throws(KHQRError) -> String? {
        guard let text, !text.isEmpty else { return nil }
        guard !text.isBlank else { throw KHQRError(length, "it is blank") }
        return try fitting(text, limit, length)
    }

    private func fitting(_ text: String, _ limit: Int, _ length: KHQRErrorCode) throws(KHQRError) -> String {
        let count = text.utf16.count
        guard count <= limit else {
            throw KHQRError(length, "it has \(count) characters, and \(limit) are the limit")
        }
        for scalar in text.unicodeScalars {
            guard scalar.value < 0x10000 else {
                throw KHQRError(
                    .invalid,
                    "\"\(scalar)\" is counted as one character by some readers and as two by others"
                )
            }
            guard scalar.properties.generalCategory != .control else {
                throw KHQRError(.invalid, "a control character, U+\(String(scalar.value, radix: 16, uppercase: true))")
            }
        }
        return text
    }

    private func refuse(_ text: String?, _ reason: String) throws(KHQRError) {
        guard text?.isEmpty ?? true else { throw KHQRError(.merchantTypeMissing, reason) }
    }
}

extension String {
    var isBlank: Bool { unicodeScalars.allSatisfy(\.properties.isWhitespace) }
}

extension Int64 {
    /// A number of ASCII digits and nothing else.
    init?(digits text: String) {
        guard text.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) else { return nil }
        self.init(text)
    }
}
