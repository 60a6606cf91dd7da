import Foundation

/// Asks Python about many cases at once: its `email` package, and Babel of Debian's `python3-babel`.
enum NoticeOracle {
    /// The seed of this run's random cases: `BURSAR_TEST_SEED`, or a new one.
    ///
    /// Every failure prints it.
    static let seed: UInt64 = {
        let given = ProcessInfo.processInfo.environment["BURSAR_TEST_SEED"].flatMap(UInt64.init)
        let seed = given ?? UInt64.random(in: 0...999_999_999)
        print("BURSAR_TEST_SEED=\(seed) (notices against Python)")
        return seed
    }()

    /// Debian's own, which has Debian's packages; a newer one on the path has others.
    private static let python = "/usr/bin/python3"

    static let hasBabel = (try? run("import babel; answer(1)", [0]) as Int) == 1

    /// What a script answers: it finds the cases as `cases` and calls `answer` with its result.
    static func run<Case: Encodable, Answer: Decodable>(_ script: String, _ cases: Case) throws -> Answer {
        let folder = FileManager.default.temporaryDirectory.appending(path: "bursar-notices-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (input, output) = (folder.appending(path: "cases.json"), folder.appending(path: "answer.json"))
        try JSONEncoder().encode(cases).write(to: input)
        try Data().write(to: output)
        let process = Process()
        process.executableURL = URL(filePath: python)
        process.arguments = ["-c", prelude + script]
        process.standardInput = try FileHandle(forReadingFrom: input)
        process.standardOutput = try FileHandle(forWritingTo: output)
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(status: process.terminationStatus) }
        return try JSONDecoder().decode(Answer.self, from: Data(contentsOf: output))
    }

    struct Failure: Error {
        let status: Int32
    }

    private static let prelude = """
        import json, sys
        cases = json.load(sys.stdin)
        def answer(value): json.dump(value, sys.stdout)

        """
}

/// A small generator that a seed determines.
struct NoticeRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Up to `most` characters of some alphabets: ASCII with what headers and boundaries use, Khmer, pictures of two units.
    mutating func text(most: Int, extra: String = "") -> String {
        let alphabets = [
            "abc XYZ 019", "=?_-.\"\\<>@,;:()[] ", "កខគងចឆឈញដឋឌឍណតថទធនបផពភមយរលវសហឡអាិីឹឺុូួើែៃោៅំះ្់៉៊។៛ \u{200B}",
            "éüßñ€£ ", "😀🇰🇭👩‍👩‍👧🏽 ", "a\u{0301}\u{0323}", extra,
        ].filter { !$0.isEmpty }.map { Array($0.unicodeScalars) }
        var scalars = String.UnicodeScalarView()
        let count = Int.random(in: 1...max(1, most), using: &self)
        var alphabet = alphabets[0]
        for _ in 0..<count {
            if Int.random(in: 0..<6, using: &self) == 0 { alphabet = alphabets.randomElement(using: &self) ?? alphabet }
            if let scalar = alphabet.randomElement(using: &self) { scalars.append(scalar) }
        }
        return String(scalars)
    }
}
