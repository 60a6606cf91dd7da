extension Money {
    /// Reads plain decimal text in a currency: "1234.50" or "-0.5" in USD, "1234" in KHR.
    ///
    /// Strict: no separators, spaces, plus sign, leading zeros or currency signs, and no more decimal places than the
    /// currency has. Fewer are fine ("12.5" is twelve dollars fifty).
    /// - Throws: the text is something else, or too large; the error says what is wrong.
    public init(parsing text: some StringProtocol, currency: Currency) throws(MoneyError) {
        let text = String(text)
        let decimal: PlainDecimal
        do throws(PlainDecimal.Problem) {
            decimal = try PlainDecimal(parsing: text, maximumScale: currency.minorDigits, allowsMinus: true)
        } catch {
            throw .malformedAmount(text, reason: "\(error.reason) (\(currency))")
        }
        var minorUnits = decimal.digits
        for _ in decimal.scale..<currency.minorDigits {
            let (product, overflow) = minorUnits.multipliedReportingOverflow(by: 10)
            guard !overflow else { throw .malformedAmount(text, reason: "it is too large (\(currency))") }
            minorUnits = product
        }
        self.init(minorUnits: minorUnits, currency: currency)
    }

    /// The amount as plain decimal text with all of the currency's places: "1234.50".
    ///
    /// What `init(parsing:)` reads.
    public var plainText: String {
        PlainDecimal(digits: minorUnits, scale: currency.minorDigits).text
    }

    /// The amount for a reader, with thousands separated: "1,234.50".
    public var groupedText: String {
        let parts = plainText.split(separator: ".", maxSplits: 1)
        let fraction = parts.dropFirst().map { ".\($0)" }.joined()
        let whole = parts.first.map(String.init) ?? "0"
        let digits = whole.drop { $0 == "-" }
        var grouped = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { grouped.append(",") }
            grouped.append(digit)
        }
        return (minorUnits < 0 ? "-" : "") + grouped + fraction
    }
}

extension Money: CustomStringConvertible {
    /// For a reader: "USD 1,234.50", "KHR 12,345", "USD -3.00".
    public var description: String { "\(currency) \(groupedText)" }
}
