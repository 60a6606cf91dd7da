import Foundation

/// Asks `python3` for the answers to many cases at once.
enum PythonOracle {
    /// The seed of this run's random cases: `BURSAR_TEST_SEED`, or a new one.
    ///
    /// Every failure prints it.
    static let seed: UInt64 = {
        let given = ProcessInfo.processInfo.environment["BURSAR_TEST_SEED"].flatMap(UInt64.init)
        let seed = given ?? UInt64.random(in: 0...999_999_999)
        print("BURSAR_TEST_SEED=\(seed) (money against Python)")
        return seed
    }()

    static let isThere: Bool = (try? answers(to: [[1]], function: "a[0]")) == ["1"]

    /// What Python prints for `function` of each case; `a` is the case's list of integers.
    static func answers(to cases: [[Int64]], function: String) throws -> [String] {
        let folder = FileManager.default.temporaryDirectory.appending(path: "bursar-oracle-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let input = folder.appending(path: "cases.json")
        let output = folder.appending(path: "answers.txt")
        try JSONEncoder().encode(cases).write(to: input)
        try Data().write(to: output)

        let python = Process()
        python.executableURL = URL(filePath: "/usr/bin/env")
        python.arguments = ["python3", "-c", prelude + "for a in json.load(sys.stdin): print(\(function))"]
        python.standardInput = try FileHandle(forReadingFrom: input)
        python.standardOutput = try FileHandle(forWritingTo: output)
        try python.run()
        python.waitUntilExit()
        guard python.terminationStatus == 0 else { throw Failure(status: python.terminationStatus) }
        return try String(contentsOf: output, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    struct Failure: Error {
        let status: Int32
    }

    /// Half up and largest remainder in exact fractions; `None` where the answer does not fit into 64 bits.
    private static let prelude = """
        import json, sys
        from decimal import Decimal, getcontext
        from fractions import Fraction
        from math import floor
        getcontext().prec = 60

        def fit(n):
            return n if -2**63 <= n < 2**63 else None

        def half_up(x):
            n = floor(abs(x) + Fraction(1, 2))
            return fit(n if x >= 0 else -n)

        def allocate(total, weights):
            if total == 0:
                return [0] * len(weights)
            if sum(weights) == 0:
                return None
            exact = [Fraction(abs(total)) * w / sum(weights) for w in weights]
            shares = [floor(x) for x in exact]
            order = sorted(range(len(weights)), key=lambda i: (shares[i] - exact[i], i))
            for i in order[:abs(total) - sum(shares)]:
                shares[i] += 1
            shares = [fit(s if total > 0 else -s) for s in shares]
            return None if None in shares else shares


        """
}

/// A small generator that a seed determines.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Amounts of all sizes: mostly small ones, where halves are frequent, and now and then the extremes.
    mutating func amount(except refused: Int64? = nil) -> Int64 {
        let value: Int64 =
            switch Int.random(in: 0...9, using: &self) {
            case 0: [Int64.min, .max, .min + 1, 0, 1, -1].randomElement(using: &self) ?? 0
            case 1...2: Int64.random(in: .min ... .max, using: &self)
            case 3...5: Int64.random(in: -1_000_000...1_000_000, using: &self)
            default: Int64.random(in: -30...30, using: &self)
            }
        return value == refused ? amount(except: refused) : value
    }
}
