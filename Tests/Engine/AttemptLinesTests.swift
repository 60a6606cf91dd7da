import JobKit
import Logging
import Testing

@Suite("The lines of an attempt")
struct AttemptLinesTests {
    @Test("All are kept, in order and each once, while they fit")
    func allFit() {
        let lines = AttemptLines()
        lines.keep("one", from: .stdout)
        #expect(lines.takeFresh().map(\.text) == ["one"])
        lines.keep("two", from: .stderr)
        #expect(lines.takeAll().map(\.text) == ["two"])
        #expect(lines.takeAll().isEmpty)
    }

    @Test("Of too many the first and the last are kept, and one line between them says how many were left out")
    func tooMany() {
        let lines = AttemptLines()
        lines.limit = AttemptLines.Limit(lines: 10, bytes: 1_000)
        for number in 1...5_000 { lines.keep("line \(number)", from: .stdout) }
        let kept = lines.takeFresh() + lines.takeAll()
        #expect(kept.map(\.text).prefix(5) == ["line 1", "line 2", "line 3", "line 4", "line 5"])
        #expect(kept.map(\.text).suffix(5) == ["line 4996", "line 4997", "line 4998", "line 4999", "line 5000"])
        #expect(kept.count == 11 && kept[5].source == .log && kept[5].text.hasPrefix("… 4990 lines ("), "\(kept[5])")
        #expect(kept.map(\.place) == kept.map(\.place).sorted() && Set(kept.map(\.place)).count == 11)
    }

    @Test(
        "No more than its bytes are kept of an attempt, whatever the lines are",
        arguments: [1, 7, 100, 5_000, 20_000]
    )
    func bytes(_ size: Int) {
        let lines = AttemptLines()
        lines.limit = AttemptLines.Limit(lines: 1_000, bytes: 20_000)
        var kept = 0
        for _ in 1...3_000 { lines.keep(String(repeating: "x", count: size), from: .stdout) }
        for line in lines.takeFresh() + lines.takeAll() { kept += line.text.utf8.count }
        // The line that says what was left out comes on top.
        #expect(kept <= 20_000 + 80 && kept > min(size, 8_000))
    }

    @Test("A line that PostgreSQL cannot store is made one that it can, and a long one is cut and says so")
    func storable() {
        let lines = AttemptLines()
        lines.keep("a\0b", from: .stdout)
        lines.keep(String(repeating: "y", count: 10_000), from: .stdout)
        let kept = lines.takeAll().map(\.text)
        #expect(kept.first == "a\u{FFFD}b")
        #expect(kept.last?.hasSuffix("… (1808 bytes more)") == true)
    }

    @Test("What could not be stored comes first the next time")
    func putBack() {
        let lines = AttemptLines()
        lines.keep("one", from: .stdout)
        let taken = lines.takeFresh()
        lines.keep("two", from: .stdout)
        lines.putBack(taken)
        #expect(lines.takeAll().map(\.text) == ["one", "two"])
    }

    @Test("Whoever stores the lines is told once a batch, and again after some could not be stored")
    func told() async {
        await confirmation(expectedCount: 3) { told in
            let lines = AttemptLines()
            lines.onFresh { told() }
            lines.keep("one", from: .stdout)
            lines.keep("two", from: .stdout)
            let taken = lines.takeFresh()
            lines.keep("three", from: .stdout)
            lines.putBack(taken)
            lines.keep("four", from: .stdout)
            lines.keep("five", from: .stdout)
            #expect(lines.takeAll().map(\.text) == ["one", "two", "three", "four", "five"])
        }
    }

    @Test("A logger that keeps its lines keeps them from info on with their facts, and no secrets")
    func logger() {
        let lines = AttemptLines()
        var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }.keeping(in: lines)
        logger[metadataKey: "step"] = "issue"
        logger.debug("too quiet")
        logger.info("proposed", metadata: ["count": "7", "password": "hunter2"])
        logger.error("broke")
        let kept = lines.takeAll()
        #expect(kept.map(\.text) == ["proposed count=7 password=[redacted] step=issue", "broke step=issue"])
        #expect(kept.map(\.level) == ["info", "error"])
    }
}
