/// What came of sending one message to one recipient: how far it came, and what the relay said there.
package struct SMTPOutcome: Sendable, Equatable {
    /// The step of the dialogue at which it ended, in their order.
    package enum Phase: String, Sendable, CaseIterable, Comparable {
        /// Resolving the name, and TCP.
        case connect
        case tls
        /// The first words of both sides.
        case greeting
        case auth
        /// MAIL
        case sender
        /// RCPT
        case recipient
        /// DATA, and the message up to its last dot.
        case content
        case finalDot = "after the final dot"

        package static func < (one: Self, other: Self) -> Bool { one.place < other.place }

        private var place: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    }

    package enum Ending: Sendable, Equatable {
        /// The relay has taken the message, and answers for it from here on.
        case accepted(SMTPReply)
        /// The relay said no: the message is not there.
        case refused(SMTPReply)
        /// There was no reply, or nobody to ask; `mayHaveArrived` says whether the message may be there all the same.
        case failed(OutboundError)
    }

    package let phase: Phase
    package let ending: Ending
    /// From when a connection was free for it, the connection's own making included.
    package let took: Duration

    package init(_ phase: Phase, _ ending: Ending, took: Duration = .zero) {
        self.phase = phase
        self.ending = ending
        self.took = took
    }

    /// The relay's reply, where there was one.
    package var reply: SMTPReply? {
        switch ending {
        case .accepted(let reply), .refused(let reply): reply
        case .failed: nil
        }
    }

    /// Whether nobody knows what became of it: the whole message was on its way, and no reply came.
    package var isUnknown: Bool {
        if case .failed(let error) = ending { error.mayHaveArrived } else { false }
    }

    func taking(_ duration: Duration) -> SMTPOutcome { SMTPOutcome(phase, ending, took: duration) }
}
