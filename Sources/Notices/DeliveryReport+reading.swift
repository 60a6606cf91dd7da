extension DeliveryReport {
    /// Reads a mail as it came.
    package static func read(_ bytes: [UInt8]) -> Reading {
        let mail = ReturnedMail(bytes)
        let parts = mail.all
        if let block = parts.first(where: { statusTypes.contains($0.contentType.type) })?.content
            ?? strayBlock(in: bytes)
        {
            return reading(groups(in: block), mail, parts)
        }
        if let feedback = parts.first(where: { $0.contentType.type == "message/feedback-report" }) {
            return complaint(groups(in: feedback.content).flatMap(\.self), mail, parts)
        }
        // Only now: hosts mark real reports as replies of a machine as well.
        if let why = automatic(mail, parts) { return .autoReply(why) }
        let isBounce = mail.value("return-path") == "<>" || mail.contentType.parameters["report-type"] != nil
        return .unreadable(
            isBounce
                ? "it looks like a report, and has no delivery status that can be read"
                : "it is no report of a delivery"
        )
    }

    private static let statusTypes = ["message/delivery-status", "message/global-delivery-status"]

    private static func reading(
        _ groups: [[ReturnedMail.Field]],
        _ mail: ReturnedMail,
        _ parts: [ReturnedMail]
    ) -> Reading {
        var report = DeliveryReport()
        for group in groups {
            let fields = Dictionary(group.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
            report.envelopeID = report.envelopeID ?? fields["original-envelope-id"]
            report.reportingHost = report.reportingHost ?? fields["reporting-mta"].map(afterType)
            guard fields["final-recipient"] ?? fields["original-recipient"] ?? fields["action"] != nil else { continue }
            var recipient = Recipient()
            recipient.final = fields["final-recipient"].map(address)
            recipient.original = fields["original-recipient"].map(address)
            recipient.action = fields["action"].map { String($0.prefix { $0.isLetter }).lowercased() }
            recipient.status = fields["status"].flatMap { EnhancedStatus($0) }
            recipient.diagnostic = fields["diagnostic-code"].map { DiagnosticCode($0) }
            recipient.verdict = .judge(
                action: recipient.action,
                status: recipient.status,
                diagnostic: recipient.diagnostic
            )
            report.recipients.append(recipient)
        }
        guard !report.recipients.isEmpty else { return .unreadable("its delivery status names no recipient") }
        guard report.recipients.contains(where: { $0.verdict != nil }) else {
            return .unreadable("its delivery status contradicts itself or says nothing")
        }
        report.findMessage(mail, parts)
        return .report(report)
    }

    /// A complaint (RFC 5965).
    private static func complaint(
        _ fields: [ReturnedMail.Field],
        _ mail: ReturnedMail,
        _ parts: [ReturnedMail]
    ) -> Reading {
        let kind = fields.first { $0.name == "feedback-type" }?.value.lowercased() ?? ""
        guard ["abuse", "fraud", "opt-out"].contains(kind) else {
            return .unreadable("it is feedback of another kind than a complaint")
        }
        var report = DeliveryReport()
        var recipient = Recipient(verdict: .complaint)
        recipient.final = fields.first { $0.name == "original-rcpt-to" }.map { address($0.value) }
        recipient.action = kind
        report.recipients = [recipient]
        if let sender = fields.first(where: { $0.name == "original-mail-from" }) {
            report.returnPaths.append(sender.value)
        }
        report.findMessage(mail, parts)
        return .report(report)
    }

    /// The groups of fields of a delivery status.
    ///
    /// Some hosts leave out the empty lines between them, so that a new group also begins where a recipient is named
    /// again.
    private static func groups(in block: [UInt8]) -> [[ReturnedMail.Field]] {
        var groups: [[ReturnedMail.Field]] = []
        var rest = block[...]
        while !rest.isEmpty, groups.count < 500 {
            if Lines.first(of: rest).isEmpty {
                rest = Lines.after(rest)
                continue
            }
            let (fields, tail) = ReturnedMail.split(rest)
            var group: [ReturnedMail.Field] = []
            for field in fields {
                if ["final-recipient", "action"].contains(field.name), group.contains(where: { $0.name == field.name })
                {
                    groups.append(group)
                    group = []
                }
                group.append(field)
            }
            if !group.isEmpty { groups.append(group) }
            // A line that is no field, and no end of the block: it is passed over.
            rest = tail.startIndex == rest.startIndex ? Lines.after(rest) : tail
        }
        return groups
    }

    /// A delivery status that stands in the mail although the header does not say so: its type is looked for in the bytes.
    private static func strayBlock(in bytes: [UInt8]) -> [UInt8]? {
        var rest = bytes[...]
        var isFound = false
        while !rest.isEmpty {
            let line = Lines.first(of: rest)
            rest = Lines.after(rest)
            if !isFound {
                let text = String(decoding: line.prefix(200), as: UTF8.self).lowercased()
                isFound = text.hasPrefix("content-type:") && statusTypes.contains { text.contains($0) }
            } else if line.isEmpty {
                return Array(beforeBoundary(rest))
            }
        }
        return nil
    }

    private static func beforeBoundary(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var rest = bytes
        while !rest.isEmpty, !Lines.first(of: rest).starts(with: "--".utf8) { rest = Lines.after(rest) }
        return bytes[..<rest.startIndex]
    }

    /// Looks for all that may tell which message it was.
    private mutating func findMessage(_ mail: ReturnedMail, _ parts: [ReturnedMail]) {
        let toUs = ["to", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to", "cc"]
        returnPaths += toUs.flatMap { mail.values($0) }
        let status = parts.firstIndex { Self.statusTypes.contains($0.contentType.type) } ?? parts.startIndex
        for part in parts[status...].dropFirst() {
            var fields = part.fields
            if ["text/rfc822-headers", "message/global-headers"].contains(part.contentType.type) {
                fields = ReturnedMail.split(part.content[...]).fields
            }
            guard messageID == nil, let id = fields.first(where: { $0.name == "message-id" }) else { continue }
            messageID = Self.unbracketed(id.value)
            returnPaths += fields.filter { ["return-path", "sender"].contains($0.name) }.map(\.value)
        }
        // A Message-ID inside of the delivery status is the report's own.
        let behind = parts[status].body.endIndex
        let isPart =
            Self.statusTypes.contains(parts[status].contentType.type)
            && (mail.body.startIndex...mail.body.endIndex).contains(behind)
        messageID = messageID ?? Self.strayMessageID(in: isPart ? mail.body[behind...] : mail.body)
        let threads =
            mail.values("in-reply-to")
            + mail.values("references").map { $0.split(separator: " ").last.map(String.init) ?? "" }
        messageID = messageID ?? threads.lazy.map(Self.unbracketed).first { !$0.isEmpty }
    }

    /// The Message-ID of a returned mail that stands in no part of its own.
    private static func strayMessageID(in body: ArraySlice<UInt8>) -> String? {
        var rest = body
        while !rest.isEmpty {
            let line = String(decoding: Lines.first(of: rest).prefix(500), as: UTF8.self)
            if line.lowercased().hasPrefix("message-id:") {
                let id = unbracketed(String(line.dropFirst("message-id:".count).drop { $0 == " " }))
                if !id.isEmpty { return id }
            }
            rest = Lines.after(rest)
        }
        return nil
    }

    /// Why a mail that is no report was written by a machine (RFC 3834); nil where nothing says so.
    private static func automatic(_ mail: ReturnedMail, _ parts: [ReturnedMail]) -> String? {
        if parts.contains(where: { $0.contentType.type == "message/disposition-notification" }) {
            return "a receipt of reading"
        }
        if let word = mail.value("auto-submitted")?.lowercased(), !word.hasPrefix("no") { return "auto-submitted" }
        let marks = ["x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-response-from", "x-vacation"]
        if marks.contains(where: { mail.value($0) != nil }) { return "an automatic reply" }
        if let word = mail.value("precedence")?.lowercased(),
            ["auto_reply", "auto-reply", "bulk", "junk", "list"].contains(word)
        {
            return "precedence \(word)"
        }
        return nil
    }

    /// `rfc822; a@example.com` is `a@example.com`.
    private static func address(_ value: String) -> String {
        String(afterType(value).drop { $0 == "<" }.prefix { $0 != ">" && $0 != " " })
    }

    private static func afterType(_ value: String) -> String {
        let text = value.firstIndex(of: ";").map { value[value.index(after: $0)...] } ?? value[...]
        return String(text.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " }.reversed())
    }

    private static func unbracketed(_ value: String) -> String {
        guard let open = value.firstIndex(of: "<") else { return String(value.prefix { $0 != " " }) }
        return String(value[value.index(after: open)...].prefix { $0 != ">" })
    }
}
