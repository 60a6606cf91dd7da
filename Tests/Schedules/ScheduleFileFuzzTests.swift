import FoundationEssentials
import Schedules
import Testing

@Suite("Schedule files nobody meant to write")
struct ScheduleFileFuzzTests {
    private static let good = ScheduleFileSupport.file(
        with: """
            description: "Issue"
            dst: { missing: shift, repeated: first }
            misfire: { policy: once, within: 400d, limit: 5 }
            retry: { attempts: 8, initial: 30s, max: 1h, jitter: 0.2 }
            environments: [development, staging, production]
            parameters: { chunk: 500, tenants: [1, 2] }
            """
    )

    @Test("However a file is broken, it is read or refused with a place, and never ends the process")
    func mutations() {
        let seed =
            ProcessInfo.processInfo.environment["BURSAR_TEST_SEED"].flatMap(UInt64.init) ?? .random(in: 0...999_999)
        print("BURSAR_TEST_SEED=\(seed) (broken schedule files)")
        var random = Generator(state: seed)
        for _ in 0..<2_000 {
            let text = Self.broken(&random)
            let problems = ScheduleFileSupport.problems(of: text)
            #expect(problems.allSatisfy { $0.line > 0 && $0.column > 0 }, "seed \(seed): \(problems) of\n\(text)")
        }
    }

    @Test("Deep nesting is refused, not followed until the stack ends", arguments: ["[", "{a: ", "- ", "? "])
    func nesting(open: String) {
        let text = "version: 1\nschedules: " + String(repeating: open, count: 100_000)
        #expect(!ScheduleFileSupport.problems(of: text).isEmpty)
    }

    @Test("A file with the line ends of Windows and a byte order mark reads like any other")
    func windows() {
        let text = "\u{FEFF}" + Self.good.replacing("\n", with: "\r\n")
        #expect(ScheduleFileSupport.problems(of: text) == [])
    }

    /// The good file with a few pieces dropped, doubled, moved or replaced.
    private static func broken(_ random: inout Generator) -> String {
        var characters = Array(good)
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let at = Int.random(in: 0..<characters.count, using: &random)
            let length = min(Int.random(in: 1...12, using: &random), characters.count - at)
            let piece = Array(characters[at..<at + length])
            switch Int.random(in: 0...3, using: &random) {
            case 0: characters.removeSubrange(at..<at + length)
            case 1: characters.insert(contentsOf: piece, at: Int.random(in: 0...characters.count, using: &random))
            case 2:
                characters.replaceSubrange(
                    at..<at + length,
                    with: Array("\t{}[]:&*!|>'\"%@`#?-,\u{0}é\n ").shuffled(using: &random).prefix(2)
                )
            default: characters[at] = "0123456789dhms".randomElement(using: &random) ?? "0"
            }
        }
        return String(characters)
    }

    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state ^ (state >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        }
    }
}
