import Foundation
import Notices
import Testing

@testable import Notices

@Suite("Mails that nobody could have written")
struct DeliveryReportFuzzTests {
    @Test("Random bytes, and good mails with bytes changed, get a reading and never stop the program")
    func neverStops() throws {
        var random = ReturnRandom("mails that came back")
        let mails = try ReturnVectors.names.map { try ReturnVectors.mail($0, onTheWire: true) }
        let key = try #require(ReturnKey(String(repeating: "k", count: 32)))
        for _ in 0..<3000 {
            let mail = Bool.random(using: &random) ? Self.noise(&random) : Self.changed(mails, &random)
            if case .report(let report) = DeliveryReport.read(mail) {
                #expect(!report.recipients.isEmpty, "seed \(random.seed)")
                for text in report.returnPaths { #expect(BounceToken.find(in: text, key: key) == nil) }
            }
        }
    }

    @Test("Nested and repeated without end, a mail is read in bounded time and depth")
    func bounded() {
        let nested = String(repeating: "Content-Type: message/rfc822\n\n", count: 20_000)
        #expect(DeliveryReport.read(Array(nested.utf8)) == .unreadable("it is no report of a delivery"))
        let parts = "Content-Type: multipart/mixed; boundary=x\n\n" + String(repeating: "--x\n\na\n", count: 50_000)
        #expect(ReturnedMail(Array(parts.utf8)).all.count <= 65)
        let fields = String(repeating: "A: b\n", count: 50_000)
        #expect(ReturnedMail(Array(fields.utf8)).fields.count == 500)
    }

    private static func noise(_ random: inout ReturnRandom) -> [UInt8] {
        let words = [
            "Content-Type:", "message/delivery-status", "multipart/report", "; boundary=", "\n\n", "--x", "\r\n", ";",
            "\"", "(",
            "Action: failed", "Status: 5.", "=", "\u{0}", "Final-Recipient: ", "text/rfc822-headers", "\n ", ":",
        ]
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 0...60, using: &random) {
            if Bool.random(using: &random) {
                bytes += Array(words.randomElement(using: &random)?.utf8 ?? "".utf8)
            } else {
                bytes += (0..<Int.random(in: 0...8, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
            }
        }
        return bytes
    }

    private static func changed(_ mails: [[UInt8]], _ random: inout ReturnRandom) -> [UInt8] {
        var mail = mails.randomElement(using: &random) ?? []
        for _ in 0..<Int.random(in: 1...20, using: &random) where !mail.isEmpty {
            let place = Int.random(in: 0..<mail.count, using: &random)
            switch Int.random(in: 0...3, using: &random) {
            case 0: mail[place] = UInt8.random(in: 0...255, using: &random)
            case 1: mail.remove(at: place)
            case 2: mail.insert(UInt8(ascii: "\n"), at: place)
            default: mail.removeSubrange(place..<min(mail.count, place + Int.random(in: 0...200, using: &random)))
            }
        }
        return mail
    }
}

@Suite("The structure of mails, beside Python's email package")
struct ReturnedMailOracleTests {
    @Test("Fields, types, boundaries and bodies are those that Python finds")
    func sameAsPython() throws {
        var random = ReturnRandom("mails beside Python")
        // Python does not guess a boundary.
        var mails = try ReturnVectors.names.filter { $0 != "odd-no-parameters" }.map { try ReturnVectors.mail($0) }
        for _ in 0..<300 { mails.append(Self.mail(&random)) }
        let folder = FileManager.default.temporaryDirectory.appending(path: "bursar-mails-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data(mails.map { Data($0).base64EncodedString() }.joined(separator: "\n").utf8).write(
            to: folder.appending(path: "in")
        )
        let answers = try Self.python(folder)
        try #require(answers.count == mails.count)
        for (mail, answer) in zip(mails, answers) {
            let ours = Self.outline(ReturnedMail(mail), depth: 0)
            #expect(ours == answer, "seed \(random.seed): \(String(decoding: mail, as: UTF8.self))")
        }
    }

    /// One line: each part's type, field names with their values without blanks, and for leaves the body's length without blanks.
    private static func outline(_ mail: ReturnedMail, depth: Int) -> String {
        let fields = mail.fields.map { "\($0.name)=\(squeezed(Array($0.value.utf8)))" }.joined(separator: "|")
        let type = mail.contentType.type
        // Python takes every other kind of message for a mail.
        if type.hasPrefix("message/"), type != "message/rfc822" { return "(\(mail.contentType.type) \(fields))" }
        if !mail.parts.isEmpty {
            return "(\(mail.contentType.type) \(fields) \(mail.parts.map { outline($0, depth: depth + 1) }.joined()))"
        }
        return "(\(mail.contentType.type) \(fields) \(squeezed(Array(mail.body)).utf8.count))"
    }

    private static func squeezed(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.filter { ![9, 10, 13, 32].contains($0) }, as: UTF8.self)
    }

    /// A mail by the rules, of random shape.
    private static func mail(_ random: inout ReturnRandom, depth: Int = 0, inside: String = "none") -> [UInt8] {
        let end = "\n"
        var text = ""
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            let name = ["X-A", "Subject", "to", "Received"].randomElement(using: &random) ?? "X"
            let fold = Bool.random(using: &random) ? "\(end)\t folded: value" : ""
            text += "\(name): value \(Int.random(in: 0...99, using: &random)) a:b\(fold)\(end)"
        }
        let kind = depth > 2 ? 0 : Int.random(in: 0...4, using: &random)
        switch kind {
        case 1, 2:
            let boundary = "b\(Int.random(in: 0...999_999, using: &random))=_\(depth)"
            text +=
                "Content-Type: multipart/mixed;\(end) charset=\"us; ascii\"; BOUNDARY=\"\(boundary)\"\(end)\(end)preamble\(end)"
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                text +=
                    "--\(boundary)\(end)\(String(decoding: mail(&random, depth: depth + 1, inside: boundary), as: UTF8.self))\(end)"
            }
            text += "--\(boundary)--\(end)epilogue\(end)"
        case 3:
            text +=
                "Content-Type: message/rfc822\(end)\(end)\(String(decoding: mail(&random, depth: depth + 1), as: UTF8.self))"
        default:
            if Bool.random(using: &random) { text += "Content-Type: Text/HTML; charset=utf-8\(end)" }
            text +=
                "\(end)body \(Int.random(in: 0...99, using: &random))\(end)--not a boundary\(end)\(end)--\(inside)more\(end)--\(inside)--more\(end)more"
        }
        return Array(text.utf8)
    }

    private static func python(_ folder: URL) throws -> [String] {
        let program = """
            import base64, email, email.policy, re, sys

            def squeezed(text):
                return re.sub(r'[ \\t\\r\\n]', '', text)

            def outline(part):
                kind = part.get_content_type()
                fields = '|'.join(name.lower() + '=' + squeezed(value) for name, value in part.items())
                if kind.startswith('message/') and kind != 'message/rfc822':
                    return '(%s %s)' % (kind, fields)
                if part.is_multipart():
                    return '(%s %s %s)' % (kind, fields, ''.join(outline(p) for p in part.get_payload()))
                return '(%s %s %d)' % (kind, fields, len(squeezed(part.get_payload()).encode()))

            with open('in') as mails:
                for line in mails:
                    print(outline(email.message_from_bytes(base64.b64decode(line), policy=email.policy.compat32)))
            """
        try Data(program.utf8).write(to: folder.appending(path: "outline.py"))
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", "outline.py"]
        process.currentDirectoryURL = folder
        let output = folder.appending(path: "out")
        try Data().write(to: output)
        process.standardOutput = try FileHandle(forWritingTo: output)
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return try String(contentsOf: output, encoding: .utf8).split(separator: "\n").map(String.init)
    }
}
