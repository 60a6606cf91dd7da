import Glibc
import Testing

@testable import Notices

@Suite("The maildir")
struct MaildirTests {
    private static func transport(_ folder: String) -> MaildirTransport {
        MaildirTransport(folder: folder) { ReadableMessage.bytes(of: $0, from: nil) }
    }

    @Test("A message lies in new, whole and readable, under the name of its Message-ID")
    func stored() async throws {
        try await withFolder { folder in
            let outcome = await Self.transport("\(folder)/mail/telegram").send(.sample("n-1@h", .telegram, to: "42"))
            #expect(outcome.verdict == .accepted)
            #expect(names(in: "\(folder)/mail/telegram") == ["cur", "new", "tmp"])
            #expect(names(in: "\(folder)/mail/telegram/tmp") == [])
            #expect(names(in: "\(folder)/mail/telegram/new") == ["n-1@h"])
            let file = text(of: "\(folder)/mail/telegram/new/n-1@h")
            for line in ["To: 42", "Channel: telegram", "Message-ID: <n-1@h>", "Date: 2026-03-01T02:00:00Z"] {
                #expect(file.contains("\(line)\r\n"), "\(line)")
            }
            #expect(file.hasSuffix("\r\n\r\nសូមបង់ប្រាក់ KHR 40,000\r\nថ្ងៃនេះ\r\n"))
        }
    }

    @Test("The same message twice is one file, also once somebody has read it")
    func repeats() async throws {
        try await withFolder { folder in
            let transport = Self.transport(folder)
            _ = await transport.send(.sample("a@h"))
            let again = await transport.send(.sample("a@h", text: "something else"))
            #expect(again.verdict == .accepted)
            #expect(names(in: "\(folder)/new") == ["a@h"])
            #expect(text(of: "\(folder)/new/a@h").contains("KHR 40,000"))
            rename("\(folder)/new/a@h", "\(folder)/cur/a@h:2,S")
            #expect(await transport.send(.sample("a@h")).verdict == .accepted)
            #expect(names(in: "\(folder)/new") == [])
            #expect(await transport.send(.sample("a@h.kh")).verdict == .accepted)
            #expect(names(in: "\(folder)/new") == ["a@h.kh"])
        }
    }

    @Test("Of forty that race with one Message-ID, one stores it")
    func race() async throws {
        try await withFolder { folder in
            for round in 0..<5 {
                let outcomes = await withTaskGroup(of: SendOutcome.self) { group in
                    for number in 0..<40 {
                        group.addTask {
                            await Self.transport(folder).send(.sample("r\(round)@h", text: "by \(number)"))
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                #expect(outcomes.allSatisfy { $0.verdict == .accepted })
                #expect(outcomes.count { $0.reply == "stored" } == 1)
            }
            #expect(names(in: "\(folder)/new").count == 5)
            #expect(names(in: "\(folder)/tmp") == [])
        }
    }

    @Test("A writer that was killed between its write and its answer left one file, and the repeat finds it")
    func killedWriter() async throws {
        try await withFolder { folder in
            let transport = Self.transport(folder)
            _ = await transport.send(.sample("b@h"))
            // As it lies there after a kill before the draft was taken away.
            link("\(folder)/new/b@h", "\(folder)/tmp/b@h.1.1")
            // And after a kill in the middle of a write.
            write("half", to: "\(folder)/tmp/c@h.1.2")
            #expect(await transport.send(.sample("b@h")).reply == "it lay there already")
            #expect(await transport.send(.sample("c@h")).reply == "stored")
            #expect(names(in: "\(folder)/new") == ["b@h", "c@h"])
            #expect(text(of: "\(folder)/new/c@h").contains("KHR 40,000"))
        }
    }

    @Test(
        "A Message-ID leads to no other folder, and two of them to two files",
        arguments: [
            "../../etc/passwd", "/etc/x", ".hidden@h", "a:2,S@h", "a b@h", "", String(repeating: "x", count: 300),
        ]
    )
    func safeName(_ id: String) {
        let name = Maildir.name(of: id)
        #expect(name.utf8.count == 65)
        #expect(!name.contains("/") && !name.contains(":") && !name.hasPrefix("."))
        #expect(name != Maildir.name(of: id + "x"))
    }

    @Test("A line break in a value makes no header")
    func headers() {
        let bytes = ReadableMessage.bytes(of: .sample(to: "a@b\r\nBcc: all@example.com"), from: nil)
        #expect(String(decoding: bytes, as: UTF8.self).contains("To: a@b  Bcc: all@example.com\r\n"))
    }

    @Test("A file in the place of a folder is a fault of configuration, and says so")
    func noFolder() async throws {
        try await withFolder { folder in
            write("", to: "\(folder)/mail")
            let outcome = await Self.transport("\(folder)/mail").send(.sample())
            #expect(outcome.verdict == .configuration)
            #expect(outcome.reply.contains("\(folder)/mail"))
            #expect(outcome.reply.contains("Not a directory"))
        }
    }

    @Test(
        "A full disk may pass, and a want of rights is for a person",
        arguments: [
            (ENOSPC, SendOutcome.Verdict.transport, "make room"), (EDQUOT, .transport, "make room"),
            (EIO, .transport, "log"), (EMFILE, .transport, "log"), (EACCES, .configuration, "user write"),
            (EROFS, .configuration, "user write"), (ENOTDIR, .configuration, "name a folder"),
        ]
    )
    func faults(_ number: Int32, _ verdict: SendOutcome.Verdict, _ words: String) {
        let outcome = SendOutcome(of: MaildirError("write", "/var/spool/x", number))
        #expect(outcome.verdict == verdict)
        #expect(outcome.reply.contains(words))
        #expect(outcome.reply.hasPrefix("/var/spool/x: "))
    }

    @Test("A message that cannot be written is charged to it, and leaves nothing")
    func composeFails() async throws {
        try await withFolder { folder in
            let transport = MaildirTransport(folder: folder) { _ in throw ScriptedServer.Failure(what: "no address") }
            let outcome = await transport.send(.sample())
            #expect(outcome.verdict == .soft)
            #expect(outcome.phase == "message")
            #expect(names(in: folder) == [])
        }
    }
}
