import Foundation
import Notices
import Testing

@Suite("Mails that came back, as they are read")
struct DeliveryReportTests {
    /// A mail, and what is read from it: verdict, status, Message-ID; or how else it ends.
    static let expectations: [(name: String, reading: String)] = [
        ("postfix-unknown-user", "hard 5.1.1 n1@billing.example sok@customer.example"),
        ("postfix-delayed", "soft 4.4.1 n1@billing.example sok@customer.example"),
        ("postfix-delivered", "delivered 2.0.0 - sok@customer.example"),
        ("exim-bare-status", "hard 5.1.1 n1@billing.example sok@customer.example"),
        ("exchange-policy", "policy 5.7.124 n1@billing.example sok@customer.example"),
        ("gmail-full-mailbox", "failed 5.2.2 n1@billing.example sok@customer.example"),
        ("odd-no-parameters", "hard 5.1.1 - sok@customer.example"),
        ("odd-nested", "hard 5.1.1 - sok@customer.example"),
        ("list-behind-address", "accepted 2.1.9 - there@elsewhere.example"),
        ("complaint", "complaint - n1@billing.example sok@customer.example"),
        ("vacation", "automatic"),
        ("challenge", "automatic"),
        ("read-receipt", "automatic"),
        ("human", "unreadable"),
        ("qmail-prose", "unreadable"),
        ("contradiction", "unreadable"),
    ]

    @Test("A mail of each manner is read for what it is, with either line end", arguments: expectations, [false, true])
    func manners(_ expected: (name: String, reading: String), onTheWire: Bool) throws {
        let mail = try ReturnVectors.mail(expected.name, onTheWire: onTheWire)
        #expect(Self.words(DeliveryReport.read(mail)) == expected.reading, "\(expected.name)")
    }

    @Test("Every mail of the folder is expected to be something")
    func noneIsForgotten() {
        #expect(ReturnVectors.names == Self.expectations.map(\.name).sorted())
    }

    @Test("Marks of a machine's reply do not hide a report: most hosts put them on their reports")
    func markedReports() throws {
        let text = String(decoding: try ReturnVectors.mail("postfix-unknown-user"), as: UTF8.self)
        #expect(text.contains("Auto-Submitted: auto-replied"))
        #expect(Self.words(DeliveryReport.read(Array(text.utf8))).hasPrefix("hard"))
    }

    @Test(
        "A mail that was cut off is a report as soon as its delivery status is there, and is never taken for a soft one"
    )
    func cutOff() throws {
        let mail = try ReturnVectors.mail("postfix-unknown-user")
        let text = String(decoding: mail, as: UTF8.self)
        let status = try #require(text.range(of: "Status: 5.1.1\n"))
        let whole = text.utf8.distance(from: text.startIndex, to: status.upperBound)
        for length in stride(from: 0, through: mail.count, by: 7) {
            let words = Self.words(DeliveryReport.read(Array(mail.prefix(length))))
            #expect(!words.hasPrefix("soft") && !words.hasPrefix("delivered"), "\(length): \(words)")
            if length >= whole { #expect(words.hasPrefix("hard"), "\(length): \(words)") }
        }
    }

    @Test(
        "The header's faults do not hide a report: without its Content-Type the delivery status is found all the same"
    )
    func withoutContentType() throws {
        let mail = try ReturnVectors.mail("exim-bare-status")
        let text = String(decoding: mail, as: UTF8.self)
            .replacing(
                "Content-Type: multipart/report; report-type=delivery-status; boundary=1795480803-eximdsn-1446573209\n",
                with: ""
            )
        #expect(
            Self.words(DeliveryReport.read(Array(text.utf8))) == "hard 5.1.1 n1@billing.example sok@customer.example"
        )
    }

    @Test("The block that names our address counts, whatever other blocks say")
    func ownBlock() throws {
        guard case .report(let report) = DeliveryReport.read(try ReturnVectors.mail("list-behind-address")) else {
            Issue.record("it is no report")
            return
        }
        #expect(report.recipient(for: "Gone@elsewhere.example")?.verdict == .hard)
        #expect(report.recipient(for: "sok@customer.example")?.verdict == .accepted)
        #expect(report.recipient(for: nil)?.verdict == .accepted)
    }

    @Test("What is kept of a diagnostic holds no address, no line break, and at most 500 characters")
    func diagnostics() {
        let long = String(repeating: "far too long ", count: 100)
        let code = DiagnosticCode("smtp; 550 5.1.1 <sok@customer.example>: unknown,\r\n (sok@customer.example) \(long)")
        #expect(!code.text.contains("@") && !code.text.contains("\n") && code.text.count == 500)
        #expect(code.code == 550 && code.enhanced == EnhancedStatus(5, 1, 1))
    }

    /// For comparison.
    static func words(_ reading: DeliveryReport.Reading) -> String {
        switch reading {
        case .report(let report):
            let recipient = report.recipient(for: nil)
            let status = recipient?.status.map(\.description)
            let code =
                recipient?.status.map { $0 == EnhancedStatus(5, 0, 0) } == true
                ? recipient?.diagnostic?.enhanced?.description : status
            let address = recipient?.original ?? recipient?.final
            return [recipient?.verdict?.rawValue, code, report.messageID, address].map { $0 ?? "-" }.joined(
                separator: " "
            )
        case .autoReply: return "automatic"
        case .unreadable: return "unreadable"
        }
    }
}

@Suite("What a status says of a message and its recipient")
struct ReturnVerdictTests {
    @Test(
        "Action, status and diagnostic lead to one verdict",
        arguments: [
            ("failed", "5.1.1", "", "hard"), ("failed", "5.1.10", "", "hard"), ("failed", "5.2.1", "", "hard"),
            ("failed", "5.4.4", "", "hard"), ("failed", "5.4.310", "", "hard"), ("failed", "5.4.1", "", "failed"),
            ("failed", "5.2.2", "", "failed"), ("failed", "5.3.4", "", "failed"), ("failed", "5.0.0", "", "failed"),
            ("failed", "5.7.1", "", "policy"), ("failed", "5.1.8", "", "policy"), ("failed", "5.1.7", "", "policy"),
            ("failed", "4.4.7", "", "failed"), ("failed", "4.7.1", "", "policy"), ("failed", "", "", "failed"),
            ("failed", "5.0.0", "smtp; 550 5.1.1 unknown", "hard"), ("failed", "", "smtp; 550 5.7.1 no", "policy"),
            ("failed", "5.1.1", "smtp; 550 5.7.1 no", "hard"), ("failed", "", "smtp; 554 no", "failed"),
            ("failed", "2.0.0", "", "nil"), ("delayed", "4.4.1", "", "soft"), ("delayed", "", "", "soft"),
            ("delivered", "2.0.0", "", "delivered"), ("delivered", "", "", "delivered"),
            ("delivered", "5.1.1", "", "nil"), ("relayed", "2.1.9", "", "accepted"),
            ("expanded", "2.1.5", "", "accepted"), ("", "5.1.1", "", "hard"), ("", "4.2.2", "", "soft"),
            ("", "2.0.0", "", "nil"), ("", "", "", "nil"), ("returned", "5.1.1", "", "nil"),
        ]
    )
    func verdicts(_ action: String, _ status: String, _ diagnostic: String, _ verdict: String) {
        let fields = [
            "Final-Recipient: rfc822; a@example.com", action.isEmpty ? "" : "Action: \(action)",
            status.isEmpty ? "" : "Status: \(status)", diagnostic.isEmpty ? "" : "Diagnostic-Code: \(diagnostic)",
        ].filter { !$0.isEmpty }.joined(separator: "\n")
        let mail =
            "Content-Type: multipart/report; boundary=x\n\n--x\nContent-Type: message/delivery-status\n\n\(fields)\n--x--\n"
        switch DeliveryReport.read(Array(mail.utf8)) {
        case .report(let report): #expect(report.recipients.first?.verdict?.rawValue == verdict)
        default: #expect(verdict == "nil")
        }
    }

    @Test(
        "What looks like a status and is none",
        arguments: ["1.1.1", "5.1", "5.1.1.1", "192.0.2.7", "5..1", "x", "", "5.1111.1"]
    )
    func noStatus(_ text: String) {
        #expect(EnhancedStatus(text) == nil)
    }
}
