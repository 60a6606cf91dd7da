import Monetary
import Testing

@Suite("Allocation by largest remainder")
struct AllocationTests {
    @Test("A tax rounded once is shared out to the lines exactly: 1367 + 1366 + 1150 + 1700 = 5583")
    func taxExample() throws {
        // Lines of which 20 % round up one by one to 5584; the total of 27916 gives 5583.
        let lines: [Int64] = [6_833, 6_833, 5_750, 8_500]
        let total = try Money(minorUnits: lines.reduce(0, +), currency: .usd)
            .multiplied(by: Ratio(basisPoints: 2_000))
        #expect(total.minorUnits == 5_583)
        #expect(try total.allocated(by: lines).map(\.minorUnits) == [1_367, 1_366, 1_150, 1_700])
    }

    @Test(
        "Units left over go to the largest remainders, then to the first",
        arguments: [
            (10, [1, 1, 1], [4, 3, 3]), (-10, [1, 1, 1], [-4, -3, -3]), (1, [0, 1, 0], [0, 1, 0]),
            (7, [0, 0, 5, 5], [0, 0, 4, 3]), (0, [0, 0], [0, 0]), (0, [], []), (3, [1, 1, 1, 1], [1, 1, 1, 0]),
            (100, [1, 2], [33, 67]), (10, [30, -10], [15, -5]), (10, [-1, -1, -1], [4, 3, 3]),
            (1, [3, -1, -1], [3, -1, -1]), (1, [20, -3, -7], [2, 0, -1]),
        ] as [(Int64, [Int64], [Int64])]
    )
    func shares(total: Int64, weights: [Int64], expected: [Int64]) throws {
        #expect(try Allocation.allocate(total, by: weights) == expected)
    }

    @Test("Weights that cancel out cannot share anything", arguments: [[], [0, 0], [5, -5]] as [[Int64]])
    func cancelledWeights(weights: [Int64]) {
        #expect(throws: MoneyError.weightsAddUpToZero) { try Allocation.allocate(1, by: weights) }
    }

    @Test("The extremes of 64 bits are shared out without a trap")
    func extremes() throws {
        #expect(try Allocation.allocate(.min, by: [.max]) == [.min])
        #expect(try Allocation.allocate(.max, by: [.min, .min]) == [.max / 2 + 1, .max / 2])
        #expect(throws: MoneyError.overflow) { try Allocation.allocate(.max, by: [3, -2]) }
    }
}
