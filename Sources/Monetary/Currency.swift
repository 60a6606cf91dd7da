/// A currency Bursar bills in, from a table of our own.
///
/// Libraries and ISO 4217 give the riel two decimal places; no such coin or bank amount exists, so the riel has none
/// here. A new currency is a new case with its digits, and nothing else.
public enum Currency: String, CaseIterable, Hashable, Sendable {
    /// The Cambodian riel, without decimal places.
    case khr = "KHR"
    /// The United States dollar, in cents.
    case usd = "USD"

    /// The currency of an ISO 4217 code in capital letters, or nothing when Bursar does not bill in it.
    public init?(code: some StringProtocol) {
        self.init(rawValue: String(code))
    }

    /// The ISO 4217 code.
    public var code: String { rawValue }

    /// How many decimal places an amount has.
    public var minorDigits: Int {
        switch self {
        case .khr: 0
        case .usd: 2
        }
    }

    /// How many minor units make one unit: 1 for the riel, 100 for the dollar.
    public var minorUnitsPerUnit: Int64 {
        (0..<minorDigits).reduce(1) { units, _ in units * 10 }
    }
}

extension Currency: CustomStringConvertible, Comparable, Codable {
    /// The ISO 4217 code.
    public var description: String { code }

    /// Alphabetical, so that lists of totals are stable.
    public static func < (left: Currency, right: Currency) -> Bool { left.code < right.code }
}
