import Programs
import Testing

@Suite("Lines of a program")
struct LineSplitterTests {
    @Test(
        "Bytes become lines, whatever they are",
        arguments: [
            ("", []), ("one", ["one"]), ("one\n", ["one"]), ("one\r\ntwo", ["one", "two"]), ("\n\n", ["", ""]),
            ("progress 1\rprogress 2\n", ["progress 1\rprogress 2"]),
        ] as [(String, [String])]
    )
    func lines(_ text: String, _ expected: [String]) {
        #expect(split([Array(text.utf8)]) == expected)
    }

    @Test("What is not UTF-8 is shown as such, and the rest of the line is kept")
    func notUTF8() {
        #expect(split([[0x61, 0xFF, 0x62, 0xC3, 0x0A, 0x63]]) == ["a\u{FFFD}b\u{FFFD}", "c"])
    }

    @Test("A line that never ends is let go in pieces")
    func endless() {
        let lines = split([[UInt8](repeating: 0x61, count: 25)], longest: 10)
        #expect(lines.map(\.count) == [10, 10, 5])
    }

    @Test("The lines are the same wherever the bytes are cut", arguments: 0..<200)
    func anyCut(_ seed: Int) {
        var generator = SplitMix(state: UInt64(seed))
        let bytes = (0..<200).map { _ -> UInt8 in
            [0x0A, 0x0D, 0x61, 0xC3, 0xA9, 0xFF, 0xE2, 0x82, 0xAC].randomElement(using: &generator) ?? 0
        }
        var pieces: [[UInt8]] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Int.random(in: 1...7, using: &generator)
            pieces.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        #expect(split(pieces) == split([bytes]))
    }

    private func split(_ pieces: [[UInt8]], longest: Int = 65_536) -> [String] {
        var splitter = LineSplitter(longest: longest)
        var lines = pieces.flatMap { splitter.add($0) }
        if let last = splitter.finish() { lines.append(last) }
        return lines
    }
}

private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
