import Foundation
import CivilTime
import KHQR
import Testing

/// Texts nobody meant to be a code.
enum Junk {
    /// A code with a few of its characters dropped, doubled or replaced, and mostly a right checksum again.
    static func changed(_ code: String, _ random: inout SplitMix) -> String {
        var units = Array(code.unicodeScalars.dropLast(4))
        for _ in 0..<Int.random(in: 1...4, using: &random) where !units.isEmpty {
            let place = Int.random(in: 0..<units.count, using: &random)
            let end = min(units.count, place + Int.random(in: 1...8, using: &random))
            switch Int.random(in: 0...4, using: &random) {
            case 0: units.removeSubrange(place..<end)
            case 1: units.insert(contentsOf: units[place..<end], at: Int.random(in: 0...units.count, using: &random))
            case 2: units[place] = "0123456789".unicodeScalars.randomElement(using: &random) ?? "0"
            case 3: units.insert(contentsOf: "6104abcd".unicodeScalars, at: place)
            default: units[place] = "9ក😀\0\n٣Z\u{301}".unicodeScalars.randomElement(using: &random) ?? "x"
            }
        }
        var text = ""
        text.unicodeScalars.append(contentsOf: units)
        return random.chance(5) ? text : text + CRC16.text(of: text.utf8)
    }

    /// Random bytes, repaired where they are not UTF-8; or digits, of which objects are made by accident.
    static func random(_ random: inout SplitMix) -> String {
        let isDigits = random.chance(2)
        let length = Int.random(in: 0...(random.chance(50) ? 5_000 : 200), using: &random)
        let bytes = (0..<length).map { _ in UInt8.random(in: isDigits ? 0x30...0x39 : 0...255, using: &random) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads junk; what could be read must come out as it went in.
    static func read(_ count: Int, seed: UInt64) throws {
        var generator = SplitMix(seed: seed)
        let good = try (0..<200).map { _ in try RandomDraft(&generator).draft.code().text }
        for _ in 0..<count {
            let text =
                generator.chance(3)
                ? random(&generator) : changed(good.randomElement(using: &generator) ?? "", &generator)
            guard let code = try? DecodedKHQR(text) else { continue }
            let again = code.objects.map(written).joined()
            // One #expect for each of millions would take longer than the reading.
            guard again.utf8.elementsEqual(text.utf8) else {
                Issue.record("seed \(seed): \(text) was read as \(again)")
                continue
            }
            _ = (code.amount, code.created, code.expires, code.objection(at: .epoch))
        }
    }

    private static func written(_ object: DecodedKHQR.Object) -> String {
        switch object.value {
        case .text(let text): written(object.tag, text)
        case .template(let fields): written(object.tag, fields.map { written($0.tag, $0.text) }.joined())
        }
    }

    private static func written(_ tag: String, _ text: String) -> String {
        let length = text.utf16.count
        return tag + (length < 10 ? "0" : "") + "\(length)" + text
    }
}

@Suite("Texts that are no KHQR")
struct KHQRFuzzTests {
    @Test("Half a million texts are read exactly or refused, and none ends the process")
    func junk() throws { try Junk.read(500_000, seed: Tool.seed &+ 3) }
}

@Suite(
    "Very many texts that are no KHQR",
    .enabled(if: ProcessInfo.processInfo.environment["BURSAR_SOAK"] != nil)
)
struct KHQRFuzzSoakTests {
    @Test("Ten million texts are read exactly or refused, and none ends the process")
    func junk() throws { try Junk.read(10_000_000, seed: Tool.seed &+ 4) }
}
