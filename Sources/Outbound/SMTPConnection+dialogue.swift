import CCurl

/// One message in the dialogue of RFC 5321; where the relay allows it (RFC 2920) everything up to DATA is said at once.
extension SMTPConnection {
    /// Gives the relay one message, and says how far it came.
    func deliver(_ envelope: SMTPEnvelope, _ isInterrupted: @escaping () -> OutboundError.Code?) -> SMTPOutcome {
        let wire = envelope.wire
        let bounds = Bounds(deadline: .now + relay.timeout, isInterrupted: isInterrupted)
        if let refused = refusedHere(envelope, wire) { return refused }
        standing = .broken
        if let ended = begin(envelope, size: wire.count, bounds) { return ended }
        return give(wire, bounds)
    }

    /// MAIL, RCPT and DATA; nil when the relay waits for the message.
    private func begin(_ envelope: SMTPEnvelope, size: Int, _ bounds: Bounds) -> SMTPOutcome? {
        let steps: [(phase: SMTPOutcome.Phase, command: String)] = [
            (.sender, mail(envelope, size)), (.recipient, "RCPT TO:<\(envelope.recipient)>\r\n"),
            (.content, "DATA\r\n"),
        ]
        let isPipelined = witness.extensions.contains("PIPELINING")
        var refusal: SMTPOutcome?
        var phase = SMTPOutcome.Phase.sender
        do {
            if isPipelined { try say(steps.map(\.command).joined(), bounds) }
            for step in steps {
                phase = step.phase
                if !isPipelined { try say(step.command, bounds) }
                let reply = try hear(bounds)
                // Where it refused and waits for a message all the same, only the connection's end ends that for certain.
                if phase == .content, reply.isIntermediate { return refusal }
                if refusal == nil, phase == .content || !reply.isPositive {
                    refusal = SMTPOutcome(phase, .refused(reply))
                }
                if refusal != nil, !isPipelined || reply.code == 421 { break }
            }
        } catch {
            // What was refused stays refused, whatever became of the connection then.
            return refusal ?? failed(phase, error.code, error.message)
        }
        if refusal?.reply?.code != 421 { standing = .needsReset }
        return refusal
    }

    /// The message and its last dot: once the system has taken all of it, only a reply tells what became of it.
    private func give(_ wire: [UInt8], _ bounds: Bounds) -> SMTPOutcome {
        var sent = 0
        do {
            try send(wire, bounds, sent: &sent)
        } catch {
            // Without its last dot it is no message. A relay that hangs up in the middle may have said why.
            if error.code == .interrupted, let reply = try? hear(bounds), !reply.isPositive {
                return SMTPOutcome(.content, .refused(reply))
            }
            return failed(.content, error.code, error.message)
        }
        do {
            let reply = try hear(bounds)
            if reply.code != 421 { standing = .ready }
            return SMTPOutcome(.finalDot, reply.isPositive ? .accepted(reply) : .refused(reply))
        } catch {
            return failed(.finalDot, error.code, error.message, mayHaveArrived: true)
        }
    }

    /// Makes the connection ready for the next message; false where it is of no more use.
    func settle() -> Bool {
        guard standing == .needsReset else { return standing == .ready }
        standing = .broken
        let bounds = Bounds(deadline: .now + .seconds(5)) { nil }
        do {
            try say("RSET\r\n", bounds)
            guard try hear(bounds).isPositive else { return false }
        } catch {
            return false
        }
        standing = .ready
        return true
    }

    /// Says goodbye, and does not wait for an answer.
    func close() {
        guard standing == .ready else { return }
        try? say("QUIT\r\n", Bounds(deadline: .now + .milliseconds(100)) { nil })
    }

    private func mail(_ envelope: SMTPEnvelope, _ size: Int) -> String {
        var command = "MAIL FROM:<\(envelope.sender)>"
        if witness.extensions.contains("SIZE") { command += " SIZE=\(size)" }
        if witness.extensions.contains("8BITMIME"), envelope.has8Bit { command += " BODY=8BITMIME" }
        if envelope.needsUTF8 { command += " SMTPUTF8" }
        return command + "\r\n"
    }

    /// What this relay cannot be asked.
    private func refusedHere(_ envelope: SMTPEnvelope, _ wire: [UInt8]) -> SMTPOutcome? {
        guard envelope.needsUTF8, !witness.extensions.contains("SMTPUTF8") else { return nil }
        let why = "the relay takes no addresses beyond ASCII (no SMTPUTF8)"
        return SMTPOutcome(.recipient, .refused(SMTPReply(code: 553, status: .init(5, 6, 7), text: why)))
    }
}

extension SMTPEnvelope {
    fileprivate var has8Bit: Bool { message.contains { $0 >= 0x80 } }
}
