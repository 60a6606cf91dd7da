import Custody
import Glibc
import Testing
import TestSupport

@Suite("The vault")
struct VaultTests {
    private static let lengths = [0, 1, 15, 16, 1_000, 1_048_575, 1_048_576, 1_048_577, 3_145_735]

    @Test("Another implementation opens what was sealed, with either key, and finds the same bytes", arguments: lengths)
    func oracleOpens(_ length: Int) throws {
        try Bench.with { bench in
            let plain = bench.random(length)
            try bench.write(plain, "plain")
            let sealed = try Vault.seal(
                bench.path("plain"),
                into: bench.path("sealed"),
                for: [bench.current, bench.recovery]
            )
            #expect(sealed.plainBytes == Int64(length))
            #expect(sealed.sealedSHA256 == (try Vault.digest(bench.path("sealed")).sha256))
            #expect(sealed.plainSHA256 == (try Vault.digest(bench.path("plain")).sha256))
            for (name, digits) in [("current", Bench.currentDigits), ("recovery", Bench.recoveryDigits)] {
                try bench.oracle("open", name, digits, "sealed", "opened-\(name)")
                #expect(try bench.read("opened-\(name)") == plain)
            }
        }
    }

    @Test("What another implementation sealed opens to the same bytes", arguments: lengths)
    func opensOracle(_ length: Int) throws {
        try Bench.with { bench in
            let plain = bench.random(length)
            try bench.write(plain, "plain")
            try bench.oracle("seal", "current", Bench.currentDigits, "plain", "sealed")
            let opened = try Vault.open(bench.path("sealed"), into: bench.path("opened"), with: [bench.current])
            #expect(opened.plainBytes == Int64(length))
            #expect(try bench.read("opened") == plain)
        }
    }

    @Test("One changed bit, anywhere, is noticed")
    func flipped() throws {
        try Bench.with { bench in
            try bench.write(bench.random(1_100_000), "plain")
            try Vault.seal(bench.path("plain"), into: bench.path("sealed"), for: [bench.current])
            let sealed = try bench.read("sealed")
            // Every byte of the beginning, and others by chance.
            let places = Array(0..<120) + (0..<40).map { _ in Int(bench.dice.next() % UInt64(sealed.count)) }
            for place in places {
                var changed = sealed
                changed[place] ^= 1 << UInt8(bench.dice.next() % 8)
                try bench.write(changed, "changed")
                bench.remove("opened")
                #expect(throws: VaultError.self, "byte \(place), seed \(bench.seed)") {
                    try Vault.open(bench.path("changed"), into: bench.path("opened"), with: [bench.current])
                }
            }
        }
    }

    @Test("A file that was cut short or lengthened is noticed, at the end of a piece too")
    func cutShort() throws {
        try Bench.with { bench in
            try bench.write(bench.random(3 << 20), "plain")
            try Vault.seal(bench.path("plain"), into: bench.path("sealed"), for: [bench.current])
            let sealed = try bench.read("sealed")
            let header = sealed.count - 3 * (Vault.pieceLength + 16)
            let lengths = [
                0, header, header + Vault.pieceLength + 16, header + 2 * (Vault.pieceLength + 16), sealed.count - 1,
            ]
            for length in lengths {
                try bench.write(Array(sealed.prefix(length)), "changed")
                bench.remove("opened")
                #expect(throws: VaultError.self, "\(length) bytes") {
                    try Vault.open(bench.path("changed"), into: bench.path("opened"), with: [bench.current])
                }
            }
            try bench.write(sealed + sealed.suffix(Vault.pieceLength + 16), "changed")
            bench.remove("opened")
            #expect(throws: VaultError.self) {
                try Vault.open(bench.path("changed"), into: bench.path("opened"), with: [bench.current])
            }
        }
    }

    @Test("The same file sealed twice is never the same, and a key that it was not sealed for does not open it")
    func foreign() throws {
        try Bench.with { bench in
            try bench.write(bench.random(100), "plain")
            try Vault.seal(bench.path("plain"), into: bench.path("one"), for: [bench.current])
            try Vault.seal(bench.path("plain"), into: bench.path("two"), for: [bench.current])
            #expect(try bench.read("one").suffix(116) != bench.read("two").suffix(116))
            let thrown = #expect(throws: VaultError.self) {
                try Vault.open(bench.path("one"), into: bench.path("opened"), with: [bench.recovery])
            }
            #expect(thrown?.code == .foreign)
            #expect(thrown?.reason.contains("was sealed for current; the keys at hand are recovery") == true)
        }
    }

    @Test("After a rotation the old key still opens what it sealed, and the new one seals")
    func rotation() throws {
        try Bench.with { bench in
            try bench.write(bench.random(10), "plain")
            try Vault.seal(bench.path("plain"), into: bench.path("old"), for: [bench.current])
            let ring = try VaultKeyRing(
                text: "# since May\nnew \(Bench.recoveryDigits)\n\ncurrent \(Bench.currentDigits)\n",
                named: "keys"
            )
            #expect(ring.current.id == "new")
            try Vault.open(bench.path("old"), into: bench.path("opened"), with: ring.keys)
            #expect(try bench.read("opened") == bench.read("plain"))
        }
    }

    @Test(
        "A key file that cannot be used says why and on which line, and repeats no digits",
        arguments: [
            ("", "holds no key"), ("# nothing\n", "holds no key"), ("a\n", "keys:1: expected the key's name"),
            ("a 12\n", "keys:1: key a is not 64 hexadecimal digits"),
            ("\na/b \(Bench.currentDigits)\n", "keys:2: a/b is no name"),
            ("a \(Bench.currentDigits)\na \(Bench.recoveryDigits)\n", "keys:2: a second key of the name a"),
        ]
    )
    func keyFiles(_ text: String, _ told: String) {
        let thrown = #expect(throws: VaultError.self) { try VaultKeyRing(text: text, named: "keys") }
        #expect(thrown?.reason.contains(told) == true, "\(thrown?.reason ?? "")")
        #expect(thrown?.reason.contains(Bench.currentDigits) != true)
    }

    @Test("A key file that every user may read is refused")
    func openKeyFile() throws {
        try Bench.with { bench in
            try bench.write(Array("a \(Bench.currentDigits)\n".utf8), "keys")
            chmod(bench.path("keys"), 0o644)
            let thrown = #expect(throws: VaultError.self) { try VaultKeyRing.load(bench.path("keys")) }
            #expect(thrown?.reason.contains("chmod 600") == true)
            chmod(bench.path("keys"), 0o600)
            #expect(try VaultKeyRing.load(bench.path("keys")).current.id == "a")
        }
    }
}
