import CivilTime
import Foundation
import Testing

@testable import Notices

@Suite("Mail")
struct MailMessageTests {
    static func message(
        subject: String? = "Invoice",
        text: String = "Hello",
        html: String? = nil,
        pictures: [RenderedNotice.InlinePicture] = [],
        id: String = "n1.a@bursar.example",
        recipient: String = "payer@example.com",
        name: String? = nil,
        unsubscribe: String? = nil
    ) -> OutgoingMessage {
        let content = RenderedNotice(
            subject: subject,
            text: text,
            html: html,
            pictures: pictures,
            locale: "en",
            source: "global/en/final",
            version: "0"
        )
        return OutgoingMessage(
            messageID: id,
            channel: .email,
            recipient: recipient,
            recipientName: name,
            content: content,
            date: Instant("2026-11-24T12:31:05Z") ?? .epoch,
            unsubscribe: unsubscribe
        )
    }

    static let from = Mailbox(name: "Lotus Garden", address: "billing@example.com")

    private func text(_ message: OutgoingMessage, headers: [(name: String, value: String)] = []) throws -> String {
        String(decoding: try MailMessage(from: Self.from, message: message, headers: headers).bytes(), as: UTF8.self)
    }

    @Test("A plain mail has its headers once, in their order, and says that a machine wrote it")
    func plain() throws {
        let text = try text(Self.message(name: "Dara Sok"))
        #expect(
            text == """
                From: Lotus Garden <billing@example.com>\r
                To: Dara Sok <payer@example.com>\r
                Subject: Invoice\r
                Date: Tue, 24 Nov 2026 12:31:05 +0000\r
                Message-ID: <n1.a@bursar.example>\r
                X-Bursar-Message: n1.a@bursar.example\r
                Auto-Submitted: auto-generated\r
                MIME-Version: 1.0\r
                Content-Type: text/plain; charset=utf-8\r
                Content-Transfer-Encoding: quoted-printable\r
                \r
                Hello\r

                """
        )
    }

    @Test("One click unsubscribes where there is an https URL; no header says so for what cannot be declined")
    func oneClick() throws {
        let declinable = try text(Self.message(unsubscribe: "https://pay.example.com/unsubscribe/abc"))
        #expect(declinable.contains("\r\nList-Unsubscribe: <https://pay.example.com/unsubscribe/abc>\r\n"))
        #expect(declinable.contains("\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"))
        #expect(try !text(Self.message()).contains("List-Unsubscribe"))
        let insecure = try text(Self.message(unsubscribe: "http://127.0.0.1/u"))
        #expect(insecure.contains("List-Unsubscribe: <http") && !insecure.contains("One-Click"))
    }

    @Test("The same message is the same bytes on a retry")
    func repeatable() throws {
        let message = Self.message(html: "<p>Hello</p>")
        #expect(try text(message) == text(message))
    }

    @Test("A header of somebody else stands after ours, and none replaces one of ours")
    func extraHeaders() throws {
        #expect(try text(Self.message(), headers: [("X-Notice", "12")]).contains("\r\nX-Notice: 12\r\n"))
        for name in ["Subject", "bcc", "Content-Type", "X Y", "X:", "", "Ключ"] {
            #expect(throws: MailError.self) { try text(Self.message(), headers: [(name, "1")]) }
        }
    }

    static let breaks = ["\r\n", "\n", "\r", "\0", "\u{1B}", "\u{7F}", "\u{85}", "\u{2028}"]

    @Test("A line break in any header or address is refused, and nothing is made", arguments: breaks)
    func lineBreaks(_ mark: String) {
        let bad = "a\(mark)Bcc: other@example.com"
        let messages = [
            Self.message(subject: bad), Self.message(name: bad), Self.message(recipient: "payer@example.com\(mark)"),
            Self.message(id: "n1\(mark)@x"), Self.message(unsubscribe: "https://pay.example.com/\(mark)"),
            Self.message(recipient: "pa\(mark)yer@example.com"),
        ]
        for message in messages {
            #expect { try text(message) } throws: { error in
                if case .controlCharacter = error as? MailError { return true }
                return false
            }
        }
        #expect(throws: MailError.self) { try text(Self.message(), headers: [("X-Notice", bad)]) }
        #expect(throws: MailError.self) {
            try MailMessage(from: Mailbox(name: bad, address: "a@example.com"), message: Self.message()).bytes()
        }
        #expect(throws: MailError.self) {
            let reply = Mailbox(address: "a@example.com\(mark)")
            return try MailMessage(from: Self.from, replyTo: reply, message: Self.message()).bytes()
        }
    }

    @Test(
        "An address that a relay may read in two ways is refused",
        arguments: [
            "", "@", "payer", "payer@", "@example.com", "a b@example.com", "a@b@c", "<a@example.com>",
            "a@example.com,b@c.d",
            "\"a b\"@example.com", "a@[127.0.0.1]", ".a@example.com", "a..b@example.com", "a@example..com",
            "a@exa_mple.com",
            "សុខ@example.com", "a@ឧទាហរណ៍.com", "a(b)@example.com", "a@example.com;",
            String(repeating: "a", count: 65) + "@b.c",
        ]
    )
    func badAddresses(_ address: String) {
        #expect(throws: MailError.self, "\(address)") { try text(Self.message(recipient: address)) }
    }

    @Test(
        "An ordinary address passes",
        arguments: [
            "a@b", "dara.sok+billing@mail.example.com", "o'neil@example.com", "a@xn--e1afmkfd.example",
            "x_y-z@1.example",
        ]
    )
    func goodAddresses(_ address: String) throws {
        #expect(try text(Self.message(recipient: address)).contains("\r\nTo: \(address)\r\n"))
    }

    @Test("A line that SMTP or a mailbox could take for a mark of its own is encoded")
    func dangerousLines() throws {
        let text = try self.text(Self.message(text: ".\n.hidden\nFrom here\nend "))
        #expect(try self.text(Self.message(text: "a=3Db")).hasSuffix("\r\n\r\na=3D3Db\r\n"))
        #expect(text.hasSuffix("\r\n\r\n=2E\r\n=2Ehidden\r\n=46rom here\r\nend=20\r\n"))
    }

    @Test("A subject in Khmer is folded into encoded words of whole characters")
    func khmerSubject() throws {
        let subject = "ការជូនដំណឹងចុងក្រោយ៖ វិក្កយបត្រលេខ INV-2026-00199 មិនទាន់បានបង់"
        let head = try text(Self.message(subject: subject))
        let lines = head.components(separatedBy: "\r\n").drop { !$0.hasPrefix("Subject:") }.prefix {
            !$0.hasPrefix("Date:")
        }
        #expect(lines.count > 2 && lines.allSatisfy { $0.utf8.count <= 76 && $0.contains("=?utf-8?B?") })
    }
}
