import Foundation
import Payments
import Testing

@Suite("CSV of statement files")
struct StatementCSVTests {
    @Test("What Python's csv module writes is read as it reads it, however the bytes are cut")
    func againstPython() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed of StatementCSVTests: \(seed)")
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/python3")
        process.arguments = ["-c", Self.script, "\(seed)"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let cases = try JSONDecoder().decode([Case].self, from: output)
        #expect(cases.count == 400)
        var dice = SeededDice(state: seed)
        for one in cases {
            let bytes = try #require(Data(base64Encoded: one.file))
            var reader = CSVReader(delimiter: try #require(one.delimiter.utf8.first))
            var records: [CSVReader.Record] = []
            var rest = Array(bytes)[...]
            while !rest.isEmpty {
                let count = min(rest.count, Int(dice.next() % 9) + 1)
                reader.read(Array(rest.prefix(count))) { records.append($0) }
                rest = rest.dropFirst(count)
            }
            reader.finish { records.append($0) }
            #expect(records.map(\.fields) == one.rows, "seed \(seed): \(one.file)")
            #expect(records.allSatisfy { $0.fault == nil }, "seed \(seed): \(one.file)")
        }
    }

    @Test(
        "A row that breaks the rules is told by its line, and the next one is read",
        arguments: [
            ("a,b\n1,\"2\" x\n3,4\n", [2]), ("a,b\n1,x\"y\n3,4\n", [2]), ("a\n\"x\ny\"\nb\"\nc\n", [4]),
            ("a,b\n\"never closed\n3,4\n", [2]),
        ]
    )
    func faults(_ text: String, _ lines: [Int]) {
        var reader = CSVReader()
        var records: [CSVReader.Record] = []
        reader.read(Array(text.utf8)) { records.append($0) }
        reader.finish { records.append($0) }
        #expect(records.filter { $0.fault != nil }.map(\.line) == lines, "\(records)")
        #expect(records.first?.fault == nil)
    }

    @Test("Bytes that are no UTF-8 and quotes that swallow the file are faults of their rows alone")
    func bytes() {
        var reader = CSVReader()
        var records: [CSVReader.Record] = []
        reader.read([0xEF, 0xBB, 0xBF] + Array("a,b\n1,".utf8) + [0xFF, 10] + Array("3,\"".utf8)) { records.append($0) }
        reader.read([UInt8](repeating: 65, count: CSVReader.longest + 10) + Array("\n5,6\n".utf8)) {
            records.append($0)
        }
        reader.finish { records.append($0) }
        #expect(records.map { $0.fault == nil } == [true, false, false, true])
        #expect(records.first?.fields == ["a", "b"] && records.last?.fields == ["5", "6"])
        #expect(records.last?.line == 4)
    }

    private struct Case: Decodable {
        let delimiter: String
        let file: String
        let rows: [[String]]
    }

    private static let script = """
        import base64, csv, io, json, random, sys
        dice = random.Random(int(sys.argv[1]))
        letters = 'abc 0123,;|"\\n\\r\\t\\u1780\\u00e9\\U0001F600\\''
        cases = []
        for _ in range(400):
            delimiter = dice.choice(',;|\\t')
            width = dice.randint(1, 6)
            rows = [[''.join(dice.choice(letters) for _ in range(dice.randint(0, 8))) for _ in range(width)]
                    for _ in range(dice.randint(0, 8))]
            out = io.StringIO(newline='')
            csv.writer(out, delimiter=delimiter, lineterminator=dice.choice(['\\n', '\\r\\n', '\\r']),
                       quoting=dice.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])).writerows(rows)
            text = out.getvalue()
            if rows and dice.random() < 0.3:
                text = text.rstrip('\\r\\n') if not rows[-1][-1].endswith(('\\r', '\\n')) else text
            read = [row for row in csv.reader(io.StringIO(text, newline=''), delimiter=delimiter) if row]
            mark = '\\ufeff' if dice.random() < 0.2 else ''
            cases.append({'delimiter': delimiter, 'rows': read, 'file': base64.b64encode((mark + text).encode()).decode()})
        print(json.dumps(cases))
        """
}

/// SplitMix64: the same numbers for the same seed.
private struct SeededDice {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
