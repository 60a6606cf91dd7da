import Glibc
import TestSupport
import Testing

@Suite("bursar khqr")
struct KHQRCommandTests {
    private static let code =
        "00020101021129190015john_smith@devb5204599953031165802KH5910John Smith6010Phnom Penh63046BFA"

    /// Runs the program without a database or a daemon, on its standard input a file of the folder.
    private func bursar(
        _ arguments: String...,
        input: String = "",
        in folder: String? = nil
    ) async throws -> CommandResult {
        let folder = try folder ?? newFolder()
        write(input, to: "\(folder)/input")
        let number = Int.random(in: 0..<Int.max)
        let process = try ChildProcess(
            "/bin/sh",
            ["-c", "exec \"$0\" \"$@\" < \(folder)/input", Program.path] + arguments,
            environment: Program.environment,
            folder: folder,
            output: "\(folder)/\(number).out",
            errors: "\(folder)/\(number).log"
        )
        guard case .exited(let status) = try await process.end(within: .seconds(60)) else {
            return CommandResult(status: -1, output: process.answered, errors: process.said)
        }
        return CommandResult(status: status, output: process.answered, errors: process.said)
    }

    private func newFolder() throws -> String {
        let folder = "\(Orphans.folder)/khqr-\(UInt64.random(in: 0 ... .max))"
        try #require(mkdir(folder, 0o755) == 0)
        return folder
    }

    /// The vectors, asked and judged by a script that shares no code with the program.
    @Test("Every row of the vectors is answered through --jsonl as the vectors and the official SDK say")
    func vectors() async throws {
        let folder = try newFolder()
        let script = "\(Program.project)/Tests/Tools/khqr-vectors.py"
        let process = try ChildProcess(
            "python3",
            [script, Program.path],
            environment: Program.environment,
            folder: folder,
            output: "\(folder)/out",
            errors: "\(folder)/log"
        )
        let ending = try await process.end(within: .seconds(120))
        #expect(ending == .exited(0), "\(process.answered)\(process.said)")
        #expect(process.answered.contains("54 codes read, 89 made or refused"), "\(process.answered)")
    }

    @Test("A bad line is answered with an error in its place, and the stream goes on")
    func badLines() async throws {
        let lines = [
            "{\"qr\":\"\(Self.code)\"}", "{", "", "[1]", "{\"qr\":5}", "{\"qr\":\"x\"}", "{\"qr\":\"\(Self.code)\"}",
        ]
        let result = try await bursar("khqr", "decode", "--jsonl", input: lines.joined(separator: "\n"))
        let answers = result.output.split(separator: "\n").map(String.init)
        #expect(result.status == 0 && answers.count == 7, "\(result)")
        #expect(answers.first?.hasPrefix("{\"fields\":{\"00\":\"01\"") == true && answers.last == answers.first)
        #expect(
            answers.dropFirst().prefix(4).allSatisfy { $0.hasPrefix("{\"error\":{\"code\":null,\"message\":") },
            "\(answers)"
        )
        #expect(answers.dropLast().last?.hasPrefix("{\"error\":{\"code\":8,") == true)
    }

    @Test("Many lines pass in memory that does not grow, and so does one of 120 megabytes")
    func flatMemory() async throws {
        let folder = try newFolder()
        let process = try ChildProcess(
            "/bin/bash",
            [
                "-c",
                """
                ulimit -v 330000
                { yes '{"qr":"\(Self.code)"}' | head -n 20000; head -c 120000000 /dev/zero | tr '\\0' x; echo; echo '{"qr":"\(Self.code)"}'; } |
                    "$0" khqr decode --jsonl | sort | uniq -c
                """, Program.path,
            ],
            environment: Program.environment,
            folder: folder,
            output: "\(folder)/out",
            errors: "\(folder)/log"
        )
        #expect(try await process.end(within: .seconds(120)) == .exited(0))
        let counted = process.answered.split(separator: "\n").map { $0.drop { $0 == " " } }
        #expect(counted.count == 2, "\(process.answered)\(process.said)")
        #expect(counted.contains { $0.hasPrefix("20001 {\"fields\"") })
        #expect(counted.contains { $0.hasPrefix("1 {\"error\"") && $0.contains("1 MiB") })
    }

    @Test("A code is made of options, with pictures, and a file that is there is left alone")
    func encode() async throws {
        let folder = try newFolder()
        let arguments = [
            "khqr", "encode", "--account", "john_smith@devb", "--merchant-name", "ចន ស្មីន", "--currency", "USD",
            "--amount", "12.5", "--bill-number", "INV-1", "--created-at", "2026-01-28T06:00:00Z", "--svg", "qr.svg",
            "--png", "qr.png",
        ]
        func encode(_ more: String...) async throws -> CommandResult {
            write("", to: "\(folder)/input")
            let process = try ChildProcess(
                Program.path,
                arguments + more,
                environment: Program.environment,
                folder: folder,
                output: "\(folder)/\(more).out",
                errors: "\(folder)/\(more).log"
            )
            guard case .exited(let status) = try await process.end() else {
                return CommandResult(status: -1, output: process.answered, errors: process.said)
            }
            return CommandResult(status: status, output: process.answered, errors: process.said)
        }
        let made = try await encode("--json")
        #expect(made.status == 0, "\(made)")
        let wanted =
            "00020101021229190015john_smith@devb520459995303840540512.505802KH5908ចន ស្មីន6010Phnom Penh62090105INV-1993400131769580000000011317695806000006304"
        #expect(made.output.contains("\"qr\":\"\(wanted)") && made.output.contains("\"md5_ascii\":"), "\(made)")
        #expect(contents(of: "\(folder)/qr.svg").contains("<svg "))
        let again = try await encode()
        #expect(again.status == 64 && again.errors.contains("pass --force"), "\(again)")
        #expect(try await encode("--force").status == 0)
    }

    @Test("What is refused is refused in words with the official code, and the right exit code")
    func refusals() async throws {
        let encode = try await bursar(
            "khqr",
            "encode",
            "--account",
            "john",
            "--merchant-name",
            "x",
            "--currency",
            "KHR"
        )
        #expect(encode.status == 65 && encode.errors.contains("KHQR error 3"), "\(encode)")
        let broken = try await bursar("khqr", "decode", "0002010102")
        #expect(broken.status == 65 && broken.errors.contains("KHQR error 8"), "\(broken)")
        let wrong = String(Self.code.dropLast()) + "0"
        let checksum = try await bursar("khqr", "decode", wrong)
        #expect(checksum.status == 1 && checksum.errors.contains("6BFA would be right"), "\(checksum)")
        #expect(checksum.output.contains("29.00  account"), "\(checksum)")
        let verified = try await bursar("khqr", "decode", "--verify", wrong)
        #expect(verified.status == 65 && verified.errors.contains("KHQR error 8"), "\(verified)")
        #expect(try await bursar("khqr", "decode").status == 64)
        #expect(try await bursar("khqr", "encode", "--jsonl", "--account", "a@b").status == 64)
    }

    @Test("A code cannot steer the terminal of whoever reads it")
    func controlCharacters() async throws {
        let body = Self.code.replacing("John Smith", with: "John\u{1B}[31m!")
        let result = try await bursar("khqr", "decode", body)
        #expect(!result.output.contains("\u{1B}") && result.output.contains("John\\u{1B}"), "\(result)")
    }

    @Test("An asker that waits for each answer gets it")
    func turnByTurn() async throws {
        let folder = try newFolder()
        let process = try ChildProcess(
            "python3",
            [
                "-c",
                """
                import subprocess, sys
                asked = subprocess.Popen([sys.argv[1], "khqr", "decode", "--jsonl"], stdin=-1, stdout=-1)
                for _ in range(3):
                    asked.stdin.write(b'{"qr":"\(Self.code)"}\\n')
                    asked.stdin.flush()
                    assert asked.stdout.readline().startswith(b'{"fields"')
                asked.stdin.close()
                sys.exit(asked.wait())
                """, Program.path,
            ],
            environment: Program.environment,
            folder: folder,
            output: "\(folder)/out",
            errors: "\(folder)/log"
        )
        #expect(try await process.end() == .exited(0), "\(process.said)")
    }
}
