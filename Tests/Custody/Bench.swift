import Custody
import Glibc
import Testing

/// A folder, two keys and chance that can be repeated, for one test of the vault.
final class Bench {
    static let currentDigits = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    static let recoveryDigits = "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0efeeedecebeae9e8e7e6e5e4e3e2e1e0"

    let current: VaultKey
    let recovery: VaultKey
    let seed: UInt64
    var dice: Dice
    private let folder: String

    static func with(_ body: (Bench) throws -> Void) throws {
        var template = Array("/tmp/bursar-vault-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw VaultError(.file, "no folder") }
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer {
            for name in [
                "plain", "sealed", "changed", "opened", "opened-current", "opened-recovery", "one", "two", "old",
                "keys",
            ] {
                unlink("\(folder)/\(name)")
            }
            rmdir(folder)
        }
        try body(try Bench(folder))
    }

    private init(_ folder: String) throws {
        self.folder = folder
        seed = UInt64.random(in: .min ... .max)
        dice = Dice(state: seed)
        current = try VaultKey(id: "current", hexadecimal: Self.currentDigits)
        recovery = try VaultKey(id: "recovery", hexadecimal: Self.recoveryDigits)
    }

    func path(_ name: String) -> String { "\(folder)/\(name)" }

    func remove(_ name: String) { unlink(path(name)) }

    func random(_ length: Int) -> [UInt8] { (0..<length).map { _ in UInt8(truncatingIfNeeded: dice.next()) } }

    func write(_ bytes: [UInt8], _ name: String) throws {
        let file = try #require(fopen(path(name), "w"))
        defer { fclose(file) }
        #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
    }

    func read(_ name: String) throws -> [UInt8] {
        let file = try #require(fopen(path(name), "r"))
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        while case let count = fread(&piece, 1, piece.count, file), count > 0 { bytes += piece[..<count] }
        return bytes
    }

    /// Asks the other implementation; see Tests/Tools/vault-oracle.py.
    func oracle(_ act: String, _ key: String, _ digits: String, _ source: String, _ target: String) throws {
        let tool = "\(Self.project)/Tests/Tools/vault-oracle.py"
        let command = "/usr/bin/python3 '\(tool)' \(act) \(key) \(digits) '\(path(source))' '\(path(target))'"
        #expect(system(command) == 0, "\(act) \(source); is python3-cryptography installed?")
    }

    static let project = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }
}

/// Chance that can be repeated (SplitMix64).
struct Dice {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
