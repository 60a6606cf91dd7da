import Glibc
import TestSupport
import Testing

@Suite("`bursar webhooks verify`")
struct WebhooksVerifyTests {
    private struct Ended {
        let status: Int32
        let output: String
        let errors: String
    }

    /// A folder of a test's own.
    private func withFolder(_ body: (String) async throws -> Void) async throws {
        var template = Array("/tmp/bursar-webhooks-XXXXXX".utf8CString)
        let folder = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer {
            for name in ["in", "out", "err", "secret", "other"] { unlink("\(folder)/\(name)") }
            rmdir(folder)
        }
        try await body(folder)
    }

    private func write(_ text: String, _ path: String) throws {
        let file = try #require(fopen(path, "w"))
        defer { fclose(file) }
        #expect(fputs(text, file) >= 0)
    }

    /// Runs the program with a file as its standard input.
    private func verify(_ arguments: [String], in folder: String) async throws -> Ended {
        let process = try ChildProcess(
            "sh",
            ["-c", "exec \"$0\" webhooks verify \"$@\" <in", Program.path] + arguments,
            environment: Program.environment,
            folder: folder,
            output: "\(folder)/out",
            errors: "\(folder)/err"
        )
        guard case .exited(let status) = try await process.end(within: .seconds(60)) else {
            return Ended(status: -1, output: process.answered, errors: process.said)
        }
        return Ended(status: status, output: process.answered, errors: process.said)
    }

    @Test("Every row of the vectors gets its verdict, one line for each, in order, and broken lines stop nothing")
    func vectors() async throws {
        try await withFolder { folder in
            let rows = contents(of: "\(Program.project)/Tests/Vectors/webhooks.jsonl").split(separator: "\n")
            #expect(rows.count == 86)
            try write((rows.map { "\($0)\nnonsense" }).joined(separator: "\n"), "\(folder)/in")
            let ended = try await verify(["--jsonl"], in: folder)
            let answers = ended.output.split(separator: "\n", omittingEmptySubsequences: false)
            #expect(ended.status == 0 && answers.count == 2 * rows.count + 1, "\(ended.errors)")
            for (place, row) in rows.enumerated() {
                let (answer, after) = (answers[2 * place], answers[2 * place + 1])
                #expect(after.hasPrefix(#"{"error":""#), "\(row)")
                guard let expected = row.firstMatch(of: /"expect": \{"valid": (true|false)(?:, "reason": "(\w+)")?/)
                else {
                    #expect(answer.hasPrefix(#"{"error":""#), "\(row)")
                    continue
                }
                let reason = expected.2.map { #","reason":"\#($0)""# } ?? ""
                #expect(answer == #"{"valid":\#(expected.1)\#(reason)}"#, "\(row)")
            }
        }
    }

    @Test("One post: exit code 0 and what was covered, or 1 and the reason, or what is wrong with the question")
    func single() async throws {
        try await withFolder { folder in
            try write("Hello, World!", "\(folder)/in")
            try write("It's a Secret to Everybody\n", "\(folder)/secret")
            try write("another phrase\n", "\(folder)/other")
            let digits = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
            let header = ["--header", "x-hub-signature-256:  sha256=\(digits) "]
            let github = ["--scheme", "github", "--secret-file"]

            let good = try await verify(github + ["secret", "--secret-file", "other"] + header, in: folder)
            #expect(good.status == 0 && good.output.contains("covers: the body, X-Hub-Signature-256"), "\(good)")
            let file = try await verify(github + ["secret", "in", "--json"] + header, in: folder)
            #expect(file.status == 0 && file.output.contains(#""valid":true"#), "\(file)")
            let wrong = try await verify(github + ["other"] + header, in: folder)
            #expect(wrong.status == 1 && wrong.output.contains("no_match"), "\(wrong)")
            let own = [
                "--scheme", "generic", "--secret-file", "secret", "--header", "X-Sign: \(digits)", "--signature-header",
                "x-sign",
            ]
            #expect(try await verify(own, in: folder).status == 0)
            let twice = try await verify(github + ["secret"] + header + header, in: folder)
            #expect(twice.status == 1 && twice.output.contains("malformed_signature"), "\(twice)")
            for (arguments, status, says) in [
                (["--scheme", "gitlab", "--secret-file", "secret"], 64, "github"),
                (["--scheme", "github"], 64, "--secret-file"),
                (github + ["nowhere"], 78, "nowhere"), (github + ["secret", "nowhere"], 65, "nowhere"),
                (github + ["secret", "--header", "nonsense"], 64, "Name: value"), ([], 64, "--jsonl"),
                (["--jsonl", "--scheme", "github"], 64, "lines"), (github + ["secret", "--at", "noon"], 64, "--at"),
                (["--scheme", "standard-webhooks", "--secret-file", "secret"], 78, "base64"),
                (own + ["--signed-content", "{id}"], 78, "body"), (own + ["--algorithm", "md5"], 64, "sha512"),
            ] as [([String], Int32, String)] {
                let refused = try await verify(arguments, in: folder)
                #expect(refused.status == status && refused.errors.contains(says), "\(arguments): \(refused)")
                #expect(!refused.errors.contains("Everybody"))
            }
        }
    }

    @Test("--at moves the time of judgement")
    func at() async throws {
        try await withFolder { folder in
            try write(#"{"test": 2432232314}"#, "\(folder)/in")
            try write("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "\(folder)/secret")
            let post = [
                "--scheme", "standard-webhooks", "--secret-file", "secret",
                "--header", "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek", "--header", "webhook-timestamp: 1614265330",
                "--header", "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ]
            #expect(try await verify(post, in: folder).output.contains("stale"))
            let then = try await verify(post + ["--at", "2021-02-25T15:05:00Z"], in: folder)
            #expect(then.status == 0 && then.output.contains("sent at: 2021-02-25T15:02:10Z"), "\(then)")
            let strict = try await verify(post + ["--at", "2021-02-25T15:05:00Z", "--tolerance", "60"], in: folder)
            #expect(strict.status == 1 && strict.output.contains("stale"), "\(strict)")
        }
    }
}
