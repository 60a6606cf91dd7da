import Foundation
import Monetary
import Testing

/// Random cases against Python's `fractions` and `decimal`, which share no code and no idea with this room.
@Suite("Money against an independent oracle", .enabled(if: PythonOracle.isThere, "python3 is not installed"))
struct PythonOracleTests {
    private static let count = 3_000
    private let seed = PythonOracle.seed

    @Test("Multiplying by a fraction rounds half up as Python does")
    func multiplication() throws {
        var random = SplitMix64(seed: seed)
        let cases = (0..<Self.count).map { _ in
            [random.amount(), random.amount(), random.amount(except: 0)]
        }
        let expected = try PythonOracle.answers(to: cases, function: "half_up(Fraction(a[0]) * a[1] / a[2])")
        for (values, answer) in zip(cases, expected) {
            let result = try? Money(minorUnits: values[0], currency: .khr)
                .multiplied(by: Ratio(values[1], over: values[2])).minorUnits
            #expect(result == Int64(answer), "seed \(seed): \(values) gives \(answer)")
        }
    }

    @Test("Allocation adds up exactly and gives each share as Python does")
    func allocation() throws {
        var random = SplitMix64(seed: seed)
        let cases = (0..<Self.count).map { _ in
            let mixed = Bool.random(using: &random)
            let weights = (0..<Int.random(in: 1...8, using: &random)).map { _ in
                mixed ? random.amount() : abs(random.amount() / 2)
            }
            return [random.amount()] + weights
        }
        let expected = try PythonOracle.answers(to: cases, function: "allocate(a[0], a[1:])")
        for (values, answer) in zip(cases, expected) {
            let shares = try? Allocation.allocate(values[0], by: Array(values.dropFirst()))
            #expect(shares == list(answer), "seed \(seed): \(values) gives \(answer)")
        }
    }

    @Test("Conversions at a decimal rate round half up as Python does")
    func conversion() throws {
        var random = SplitMix64(seed: seed)
        let cases = (0..<Self.count).map { _ in
            [
                random.amount(), Int64.random(in: 1...99_999_999, using: &random),
                Int64.random(in: 0...8, using: &random),
            ]
        }
        let function =
            "[half_up(Fraction(a[0]) * a[1] / 10**(a[2] + 2)), half_up(Fraction(a[0]) * 100 * 10**a[2] / a[1])]"
        let expected = try PythonOracle.answers(to: cases, function: function)
        for (values, answer) in zip(cases, expected) {
            let rate = try ExchangeRate(
                parsing: decimalText(values[1], scale: Int(values[2])),
                base: .usd,
                quote: .khr
            )
            let riels = (try? rate.convert(Money(minorUnits: values[0], currency: .usd)))?.minorUnits
            let cents = (try? rate.convert(Money(minorUnits: values[0], currency: .khr)))?.minorUnits
            let answers = answer.dropFirst().dropLast().split(separator: ",").map { Int64($0.drop { $0 == " " }) }
            #expect([riels, cents] == answers, "seed \(seed): \(values) gives \(answer)")
        }
    }

    @Test("Every amount prints as Python formats it and reads back as itself")
    func text() throws {
        var random = SplitMix64(seed: seed)
        let cases = (0..<Self.count).map { _ in [random.amount()] }
        let function = "'USD {:,.2f}|KHR {:,}'.format(Decimal(a[0]).scaleb(-2), a[0])"
        let expected = try PythonOracle.answers(to: cases, function: function)
        for (values, answer) in zip(cases, expected) {
            let dollars = Money(minorUnits: values[0], currency: .usd)
            let riels = Money(minorUnits: values[0], currency: .khr)
            #expect("\(dollars)|\(riels)" == answer, "seed \(seed)")
            #expect(try Money(parsing: dollars.plainText, currency: .usd) == dollars, "seed \(seed)")
            #expect(try Money(parsing: riels.plainText, currency: .khr) == riels, "seed \(seed)")
        }
    }

    /// What Python prints for a list of integers, or nothing for its `None`.
    private func list(_ text: String) -> [Int64]? {
        guard text.first == "[" else { return nil }
        return text.dropFirst().dropLast().split(separator: ",").compactMap { Int64($0.drop { $0 == " " }) }
    }

    private func decimalText(_ digits: Int64, scale: Int) -> String {
        let text = String(digits)
        let padded = String(repeating: "0", count: max(0, scale + 1 - text.count)) + text
        return scale == 0 ? padded : "\(padded.dropLast(scale)).\(padded.suffix(scale))"
    }
}
