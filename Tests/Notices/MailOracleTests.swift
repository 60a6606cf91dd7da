import Foundation
import Testing

@testable import Notices

/// Mail read back by Python's `email` package, which shares no code with what wrote it.
@Suite("Mail, read by Python")
struct MailOracleTests {
    private struct Parsed: Decodable {
        let subject, fromName, fromAddress, toName, toAddress, id, structure: String
        let text, html: String?
        let pictures: [String: String]
        let longest: Int
        let longestEncoded: Int
        let isASCII: Bool
        let defects: Int
    }

    /// Headers by the old parser and `decode_header`, since the new one of Python 3.11 loses spaces between encoded words.
    private static let script = """
        import base64, email, re
        from email import policy
        from email.header import decode_header, make_header
        from email.utils import parseaddr

        def decoded(value): return str(make_header(decode_header(re.sub(r'[\\r\\n]+', '', value or ''))))

        def line_ends(text): return None if text is None else text.replace('\\r\\n', '\\n').replace('\\r', '\\n')

        def shape(part):
            if not part.is_multipart(): return part.get_content_type()
            return part.get_content_type() + '(' + ', '.join(shape(p) for p in part.get_payload()) + ')'

        def parsed(raw):
            raw = base64.b64decode(raw)
            message = email.message_from_bytes(raw)
            found = {'pictures': {}, 'text': None, 'html': None, 'defects': 0}
            for part in message.walk():
                found['defects'] += len(part.defects)
                payload = part.get_payload(decode=True)
                if part.get_content_type() == 'image/png':
                    found['pictures'][part['Content-ID'].strip('<>')] = base64.b64encode(payload).decode()
                elif part.get_content_maintype() == 'text':
                    name = 'html' if part.get_content_subtype() == 'html' else 'text'
                    found[name] = line_ends(payload.decode(part.get_content_charset()))
            for name, header in (('from', 'From'), ('to', 'To')):
                shown, address = parseaddr(re.sub(r'[\\r\\n]+', '', message[header]))
                found[name + 'Name'], found[name + 'Address'] = decoded(shown), address
            lines = raw.split(b'\\r\\n')
            found['subject'], found['id'] = decoded(message['Subject']), message['Message-ID']
            found['structure'] = shape(message)
            found['longest'] = max(len(line) for line in lines)
            found['longestEncoded'] = max([len(line) for line in lines if b'=?utf-8?' in line] or [0])
            found['isASCII'] = all(byte < 128 for byte in raw) and b'\\n' not in raw.replace(b'\\r\\n', b'')
            return found

        answer([parsed(raw) for raw in cases])
        """

    private struct Case {
        let from: Mailbox
        let message: OutgoingMessage
    }

    private static func randomCase(_ random: inout NoticeRandom) -> Case {
        let pictures = (0..<Int.random(in: 0...2, using: &random)).map { number in
            let png = (0..<Int.random(in: 0...300, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random)
            }
            return RenderedNotice.InlinePicture(contentID: "khqr-\(number)@bursar", png: png)
        }
        let lines = "\n\n\n\r\t .From \(String(repeating: "x", count: 40))"
        let hasHTML = Bool.random(using: &random)
        // Half of them ASCII, which goes as quoted-printable; the rest is mostly base64.
        func body(_ most: Int) -> String {
            let text = random.text(most: most, extra: lines)
            guard Bool.random(using: &random) else { return text }
            return "a" + String(String.UnicodeScalarView(text.unicodeScalars.filter(\.isASCII)))
        }
        let message = MailMessageTests.message(
            subject: random.text(most: 120),
            text: body(400),
            html: hasHTML ? body(900) : nil,
            pictures: hasHTML ? pictures : [],
            name: Bool.random(using: &random) ? random.text(most: 90) : nil
        )
        return Case(from: Mailbox(name: random.text(most: 70), address: "billing@example.com"), message: message)
    }

    /// Over scalars: a `String` does not find a line break that a combining mark follows.
    private static func lineEnds(_ text: String?) -> [Unicode.Scalar]? {
        guard let text else { return nil }
        var scalars: [Unicode.Scalar] = []
        var previous: Unicode.Scalar = " "
        for scalar in text.unicodeScalars {
            if scalar != "\n" || previous != "\r" { scalars.append(scalar == "\r" ? "\n" : scalar) }
            previous = scalar
        }
        return scalars
    }

    /// Spaces around a name and in rows are no part of it: RFC 5322 has folding white space there.
    private static func name(_ name: String?) -> [Unicode.Scalar] { Array((name ?? "").unicodeScalars) }

    @Test("What was written is what Python reads: subject, names, texts, HTML and pictures")
    func random() throws {
        var random = NoticeRandom(seed: NoticeOracle.seed)
        let cases = (0..<400).map { _ in Self.randomCase(&random) }
        let written = try cases.map { one in
            Data(try MailMessage(from: one.from, message: one.message).bytes()).base64EncodedString()
        }
        let read: [Parsed] = try NoticeOracle.run(Self.script, written)
        for (one, parsed) in zip(cases, read) {
            let content = one.message.content
            let comment = Comment(
                "seed \(NoticeOracle.seed), \(content), from \(one.from), to \(one.message.recipientName ?? "")"
            )
            #expect(Array(parsed.subject.unicodeScalars) == Array((content.subject ?? "").unicodeScalars), comment)
            #expect(Self.name(parsed.fromName) == Self.name(one.from.name), comment)
            #expect(Self.name(parsed.toName) == Self.name(one.message.recipientName), comment)
            #expect(parsed.fromAddress == "billing@example.com" && parsed.toAddress == "payer@example.com", comment)
            #expect(parsed.id == "<n1.a@bursar.example>", comment)
            // Mail that is one part ends with a line break, whatever its text ends with.
            let ending =
                content.html == nil && parsed.text?.hasSuffix("\n") == true && !content.text.hasSuffix("\n") ? "\n" : ""
            let isLonger = Self.lineEnds(parsed.text) == Self.lineEnds(content.text + "\n")
            #expect(
                Self.lineEnds(parsed.text) == Self.lineEnds(content.text + ending) || content.html == nil && isLonger,
                comment
            )
            #expect(Self.lineEnds(parsed.html) == Self.lineEnds(content.html), comment)
            let pictures = content.pictures.map { ($0.contentID, Data($0.png).base64EncodedString()) }
            #expect(parsed.pictures == Dictionary(pictures) { first, _ in first }, comment)
            #expect(
                parsed.longest <= 998 && parsed.longestEncoded <= 76 && parsed.isASCII && parsed.defects == 0,
                comment
            )
        }
    }

    @Test("Text, HTML and its pictures are nested so that each reader takes the best it can show")
    func structure() throws {
        let picture = RenderedNotice.InlinePicture(contentID: "khqr-1@bursar", png: [1, 2, 3])
        let messages = [
            MailMessageTests.message(), MailMessageTests.message(html: "<p>x</p>"),
            MailMessageTests.message(html: "<img src=\"cid:khqr-1@bursar\">", pictures: [picture]),
        ]
        let written = try messages.map { message in
            Data(try MailMessage(from: MailMessageTests.from, message: message).bytes()).base64EncodedString()
        }
        let read: [Parsed] = try NoticeOracle.run(Self.script, written)
        #expect(
            read.map(\.structure) == [
                "text/plain", "multipart/alternative(text/plain, text/html)",
                "multipart/alternative(text/plain, multipart/related(text/html, image/png))",
            ]
        )
    }
}
