/// What a report says of a message, whoever brings it: the classes by which its effects are chosen.
package enum ReturnVerdict: String, Codable, CaseIterable, Sendable {
    /// It reached the recipient's mailbox.
    case delivered
    /// A hop behind ours has taken it; nobody will tell more.
    case accepted
    /// Not yet, and it is still tried: the address is counted.
    case soft
    /// It will not arrive, for a reason that may pass: the message has failed, the address is counted.
    case failed
    /// The recipient does not exist: the message has failed, the address is suppressed.
    case hard
    /// We are not wanted there: the message has failed, and the recipient is not to blame.
    case policy
    /// The recipient calls it spam: the address is suppressed, the message stays as it is.
    case complaint
}

/// An enhanced status code (RFC 3463): `5.1.1`.
package struct EnhancedStatus: Hashable, Sendable, CustomStringConvertible {
    package let `class`: Int
    package let subject: Int
    package let detail: Int

    package var description: String { "\(`class`).\(subject).\(detail)" }

    package init(_ class: Int, _ subject: Int, _ detail: Int) {
        self.class = `class`
        self.subject = subject
        self.detail = detail
    }

    /// Reads the code at the start of a text, such as `5.1.1 (bad destination mailbox)`; nil where there is none.
    package init?(_ text: some StringProtocol) {
        let digits = text.drop { $0 == " " }.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts.allSatisfy({ (1...3).contains($0.count) }),
            let `class` = Int(parts[0]), [2, 4, 5].contains(`class`), let subject = Int(parts[1]),
            let detail = Int(parts[2])
        else { return nil }
        self.init(`class`, subject, detail)
    }

    /// Whether it says no more than its class.
    fileprivate var isBare: Bool { subject == 0 && detail == 0 }

    /// What a code of class 5 says, or one of class 4 where nobody tries any more.
    fileprivate var verdict: ReturnVerdict {
        switch (`class`, subject, detail) {
        // Security and policy; and what is wrong with the sender's address, which is ours.
        case (_, 7, _), (_, 1, 7), (_, 1, 8): .policy
        case (5, 1, 0...4), (5, 1, 6), (5, 1, 10): .hard
        // The mailbox is closed for good; its host or domain does not exist.
        case (5, 2, 1), (5, 4, 4), (5, 4, 310): .hard
        default: .failed
        }
    }
}

extension ReturnVerdict {
    /// Judges the fields of one recipient (RFC 3464, 2.3): `Action`, `Status`, and the code in `Diagnostic-Code`.
    ///
    /// - Returns: nil where the fields contradict each other or say nothing: such a report is for a person.
    static func judge(action: String?, status: EnhancedStatus?, diagnostic: DiagnosticCode?) -> ReturnVerdict? {
        let code = telling(status, diagnostic)
        switch action?.lowercased() {
        case "delivered": return code.map(\.class) ?? 2 == 2 ? .delivered : nil
        case "relayed", "expanded": return code.map(\.class) ?? 2 == 2 ? .accepted : nil
        case "delayed": return code?.class == 2 ? nil : .soft
        case "failed":
            guard let code else { return .failed }
            return code.class == 2 ? nil : code.verdict
        case nil:
            guard let code else { return nil }
            return code.class == 5 ? code.verdict : code.class == 4 ? .soft : nil
        default: return nil
        }
    }

    /// The code that says most: some hosts write 5.0.0 and the reason into the diagnostic only.
    static func telling(_ status: EnhancedStatus?, _ diagnostic: DiagnosticCode?) -> EnhancedStatus? {
        guard let status else { return diagnostic?.enhanced ?? diagnostic?.code.map { EnhancedStatus($0 / 100, 0, 0) } }
        if status.isBare, let other = diagnostic?.enhanced, other.class == status.class { return other }
        return status
    }
}

/// What the last host said: `smtp; 550 5.1.1 <x@example.com>: no such user`.
package struct DiagnosticCode: Hashable, Sendable {
    /// SMTP's, of class 2, 4 or 5.
    package let code: Int?
    package let enhanced: EnhancedStatus?
    /// Without addresses, at most 500 characters.
    package let text: String

    package init(_ value: String) {
        let said = value.firstIndex(of: ";").map { value[value.index(after: $0)...] } ?? value[...]
        let words = said.split { $0 == " " || $0 == "-" || $0 == "\t" || $0 == "#" }.prefix(12)
        code = words.lazy.compactMap { Self.reply($0) }.first
        enhanced = words.lazy.compactMap { EnhancedStatus($0) }.first
        text = Self.withoutAddresses(value)
    }

    private static func reply(_ word: Substring) -> Int? {
        guard word.utf8.count == 3, let number = Int(word), [2, 4, 5].contains(number / 100) else { return nil }
        return number
    }

    /// A text that may be kept: addresses, control characters and all beyond 500 characters are left out.
    package static func withoutAddresses(_ text: String) -> String {
        let words = text.unicodeScalars.split {
            $0.properties.isWhitespace || $0.properties.generalCategory == .control
        }
        let safe = words.map { word in word.contains("@") ? "<address>" : String(word) }
        return String(safe.joined(separator: " ").prefix(500))
    }
}
