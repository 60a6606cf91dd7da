/// Why an amount could not be read or computed.
///
/// Nothing in this room traps on outside data.
public enum MoneyError: Error, Hashable, Sendable {
    /// The result does not fit into 64 bits of minor units.
    case overflow
    /// Amounts of two currencies met where one was needed.
    case currencyMismatch(expected: Currency, found: Currency)
    /// Bursar does not bill in this currency.
    case unknownCurrency(String)
    /// The text is not an amount; the reason says what is wrong and what is accepted.
    case malformedAmount(String, reason: String)
    /// The text is not an exchange rate; the reason says what is wrong and what is accepted.
    case malformedRate(String, reason: String)
    /// A fraction with a denominator of zero.
    case divisionByZero
    /// Weights that add up to zero cannot share a total other than zero.
    case weightsAddUpToZero
    /// A step of cash rounding that is not above zero.
    case invalidCashStep(Int64)
}

extension MoneyError: CustomStringConvertible {
    /// What is wrong, and what to do where that can be said.
    public var description: String {
        switch self {
        case .overflow:
            "the amount does not fit into 64 bits of minor units"
        case .currencyMismatch(let expected, let found):
            "amounts of two currencies met: \(expected) was expected, \(found) was found"
        case .unknownCurrency(let code):
            "\"\(code)\" is not a currency Bursar bills in; use one of \(Self.knownCodes)"
        case .malformedAmount(let text, let reason):
            "\"\(text)\" is not an amount: \(reason)"
        case .malformedRate(let text, let reason):
            "\"\(text)\" is not an exchange rate: \(reason)"
        case .divisionByZero:
            "a fraction has the denominator zero"
        case .weightsAddUpToZero:
            "the weights add up to zero, so nothing can be shared out by them"
        case .invalidCashStep(let step):
            "\(step) is not a step of cash rounding; it must be above zero"
        }
    }

    private static var knownCodes: String {
        Currency.allCases.sorted().map(\.code).joined(separator: ", ")
    }
}
