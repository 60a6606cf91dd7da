import Outbound

/// Who is to blame for a relay's answer: RFC 5321 for the codes, RFC 3463 for the enhanced ones.
///
/// Where a reply can be read in two ways, the reading is taken that suppresses nobody: a customer who is not told of an
/// invoice is the worse mistake.
extension SendOutcome.Verdict {
    init(_ outcome: SMTPOutcome) {
        switch outcome.ending {
        case .accepted: self = .accepted
        case .refused(let reply): self = Self.refusal(outcome.phase, reply)
        case .failed(let error): self = Self.failure(outcome.phase, error)
        }
    }

    private static func failure(_ phase: SMTPOutcome.Phase, _ error: OutboundError) -> Self {
        if error.mayHaveArrived { return .unknown }
        if error.code == .invalidRequest {
            // Ours: no relay would take such an address, and a relay or a sender like that is nobody's fault but the file's.
            return phase == .recipient ? .hard : .configuration
        }
        let isOver = [OutboundError.Code.timedOut, .interrupted, .cancelled, .closed].contains(error.code)
        return phase == .auth && !isOver ? .configuration : .transport
    }

    private static func refusal(_ phase: SMTPOutcome.Phase, _ reply: SMTPReply) -> Self {
        if reply.isTransient {
            if let wait = SMTPWords.wait(in: reply) { return .rateLimited(wait) }
            // Before MAIL it is not about this message, and its recipient is not charged.
            return phase < .sender ? .transport : .soft
        }
        switch phase {
        case .connect, .tls: return .transport
        case .greeting: return .policy
        case .auth: return .configuration
        case .sender: return reply.isAboutLogin || !reply.isAboutPolicy ? .configuration : .policy
        case .recipient: return recipient(reply)
        case .content, .finalDot: return content(reply)
        }
    }

    private static func recipient(_ reply: SMTPReply) -> Self {
        if reply.isAboutLogin { return .configuration }
        if reply.isAboutPolicy { return .policy }
        if let status = reply.status, status.isTelling { return Self.address(status) ?? .soft }
        // 552 without more is a full mailbox, which will not stay full.
        return [550, 551, 553].contains(reply.code) ? .hard : .soft
    }

    /// What a refusal of the message itself means.
    ///
    /// A relay that takes the recipient and then refuses the message does not like the message, whatever its code is, and
    /// the next recipient would fare no better: the channel pauses. The exception are relays that look the recipient up
    /// only then, and say so by 5.1 or 5.2.
    private static func content(_ reply: SMTPReply) -> Self { reply.status.flatMap(Self.address) ?? .policy }

    /// What a status says about an address; nil where it is about something else.
    private static func address(_ status: SMTPReply.Status) -> Self? {
        switch (status.subject, status.detail) {
        // A sender that does not exist or is written wrongly.
        case (1, 7), (1, 8): .configuration
        case (1, _), (2, 1): .hard
        // Full, too long for it, a list's.
        case (2, _): .soft
        default: nil
        }
    }
}

extension SMTPReply.Status {
    /// 5.0.0 says no more than 550 does.
    fileprivate var isTelling: Bool { subject != 0 }
}

extension SMTPReply {
    /// RFC 4954, 6: we are to authenticate, or as somebody else.
    fileprivate var isAboutLogin: Bool { [530, 534, 535, 538].contains(code) }

    /// Whether it is about us and not about the address: by its status, by 554 or, where there is no status, by its words.
    fileprivate var isAboutPolicy: Bool {
        if let status, status.isTelling { return status.subject == 7 }
        return code == 554 || SMTPWords.speaksOfReputation(text)
    }
}
