import Glibc
import TestSupport
import Testing

@Suite("bursar templates")
struct TemplateCommandTests {
    /// Runs the program without a database or a daemon.
    private func bursar(_ arguments: [String], in folder: String) async throws -> CommandResult {
        let number = UInt64.random(in: 0 ... .max)
        let process = try ChildProcess(
            Program.path,
            arguments,
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

    private func newFolder(final: String? = nil) throws -> String {
        let folder = "\(Orphans.folder)/templates-\(UInt64.random(in: 0 ... .max))"
        for path in ["", "/set", "/set/tenants", "/set/tenants/acme", "/set/tenants/acme/en"] {
            try #require(mkdir(folder + path, 0o755) == 0)
        }
        if let final { write(final, to: "\(folder)/set/tenants/acme/en/final.mustache") }
        return folder
    }

    @Test("The list names for every category, channel and locale the template that is used, and the parts of an SMS")
    func list() async throws {
        let folder = try newFolder(final: "=== subject\nOurs\n=== text\nText\n=== sms\nShort\n")
        let set = ["--set", "notices.templates=\(folder)/set"]
        let house = try await bursar(["templates", "list"] + set, in: folder)
        #expect(house.status == 0)
        #expect(house.output.contains("global/en/final") && !house.output.contains("tenants/acme"))
        let tenant = try await bursar(["templates", "list", "--tenant", "acme"] + set, in: folder)
        #expect(tenant.output.contains("tenants/acme/en/final") && tenant.output.contains("1 (GSM-7)"))
        #expect(tenant.output.contains("global/km/final"))
    }

    @Test("A template with an error is told with its place, and the command ends with 65")
    func problems() async throws {
        let folder = try newFolder(final: "=== subject\n{{payr}}\n=== text\nText\n=== sms\nShort\n")
        for command in [["list"], ["render", "final"]] {
            let set = ["--set", "notices.templates=\(folder)/set"]
            let result = try await bursar(["templates"] + command + set, in: folder)
            #expect(result.status == 65 && result.output.isEmpty)
            #expect(
                result.errors.contains("final.mustache:2:1: there is no payr here; did you mean \"payer\"?"),
                "\(result.errors)"
            )
        }
    }

    @Test("A category that there is not ends with 64 and names those that there are")
    func unknownCategory() async throws {
        let result = try await bursar(["templates", "render", "fnal"], in: try newFolder())
        #expect(result.status == 64 && result.errors.contains("final"), "\(result.errors)")
    }

    @Test("Mail goes into a file that a mail program opens, and a file that is there is left alone")
    func out() async throws {
        let folder = try newFolder()
        let arguments = ["templates", "render", "final", "--locale", "en", "--out", "\(folder)/final.eml"]
        #expect(try await bursar(arguments, in: folder).status == 0)
        let python = """
            import email, sys
            from email import policy
            message = email.message_from_file(open(sys.argv[1]), policy=policy.default)
            print(message['Subject'], [part.get_content_type() for part in message.walk()])
            """
        let reader = try ChildProcess(
            "/usr/bin/python3",
            ["-c", python, "\(folder)/final.eml"],
            environment: Program.environment,
            folder: folder,
            output: "\(folder)/read.out",
            errors: "\(folder)/read.log"
        )
        #expect(try await reader.end(within: .seconds(60)) == .exited(0), "\(reader.said)")
        #expect(reader.answered.contains("Final notice: payment of invoice INV-2026-00199 is missing"))
        #expect(reader.answered.contains("'multipart/related', 'text/html', 'image/png'"), "\(reader.answered)")
        #expect(try await bursar(arguments, in: folder).status == 64)
    }
}
