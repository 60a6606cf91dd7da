import Foundation

/// Runs programs of this machine that share no code with this room.
enum Tool {
    /// The seed of this run's random cases: `BURSAR_TEST_SEED`, or a new one.
    static let seed: UInt64 = {
        let given = ProcessInfo.processInfo.environment["BURSAR_TEST_SEED"].flatMap(UInt64.init)
        let seed = given ?? UInt64.random(in: 0...999_999_999)
        print("BURSAR_TEST_SEED=\(seed) (KHQR)")
        return seed
    }()

    static let hasPython = (try? python("print(1)", "")) == "1\n"

    /// What Python prints for a script with that on its standard input.
    static func python(_ script: String, _ input: String) throws -> String {
        String(decoding: try run(["python3", "-c", script], Data(input.utf8)), as: UTF8.self)
    }

    static func run(_ arguments: [String], _ input: Data) throws -> Data {
        try inFolder { folder in
            let (given, printed) = (folder.appending(path: "in"), folder.appending(path: "out"))
            try input.write(to: given)
            try Data().write(to: printed)
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = arguments
            process.standardInput = try FileHandle(forReadingFrom: given)
            process.standardOutput = try FileHandle(forWritingTo: printed)
            try process.run()
            process.waitUntilExit()
            guard process.terminationStatus == 0 else { throw Failure(status: process.terminationStatus) }
            return try Data(contentsOf: printed)
        }
    }

    static func inFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: "bursar-khqr-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder)
    }

    struct Failure: Error {
        let status: Int32
    }
}

/// A small generator that a seed determines.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func chance(_ one: Int) -> Bool { Int.random(in: 1...one, using: &self) == 1 }

    /// A text of up to that many UTF-16 units, of letters that have one to three bytes.
    mutating func text(upTo limit: Int) -> String {
        let letters = chance(3) ? "កខគឃងចឆជ ញដ្" : "abcdefghij KLMNOP0123456789#/-é"
        let scalars = Array(letters.unicodeScalars)
        var text = "x"
        for _ in 1..<Int.random(in: 2...limit + 1, using: &self) where text.utf16.count < limit {
            text.unicodeScalars.append(scalars.randomElement(using: &self) ?? "x")
        }
        return text
    }
}
