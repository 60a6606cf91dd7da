import Foundation

/// The mails under `Tests/Vectors/returns`: each in the manner of a mail host, with `TOKEN` and `ENVELOPE` to be filled in.
enum ReturnVectors {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../Vectors/returns").standardized

    static let names: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasSuffix(".eml") }.map { String($0.dropLast(4)) }.sorted()
    }()

    /// A mail, with the line ends of a spool or of the wire.
    static func mail(
        _ name: String,
        token: String = "token",
        envelope: String = "none",
        onTheWire: Bool = false
    ) throws -> [UInt8] {
        let text = try String(contentsOf: folder.appending(path: "\(name).eml"), encoding: .utf8)
            .replacing("TOKEN", with: token).replacing("ENVELOPE", with: envelope)
        return Array((onTheWire ? text.replacing("\n", with: "\r\n") : text).utf8)
    }
}

/// Random numbers that a seed repeats; it is printed, and `BURSAR_TEST_SEED` sets it.
struct ReturnRandom: RandomNumberGenerator {
    private var state: UInt64
    let seed: UInt64

    init(_ name: String) {
        let given = ProcessInfo.processInfo.environment["BURSAR_TEST_SEED"].flatMap { UInt64($0) }
        seed = given ?? UInt64.random(in: 0...999_999_999)
        print("BURSAR_TEST_SEED=\(seed) (\(name))")
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
