internal import Programs

/// Puts messages into a maildir: what has no other way to go lies there for whoever looks.
///
/// The file's name is the Message-ID, so that the same message twice is one file.
package struct MaildirTransport: Transport {
    package let name = "maildir"
    package let knowsRepeats = true
    private let maildir: Maildir
    private let compose: @Sendable (OutgoingMessage) throws -> [UInt8]

    /// - Parameters:
    ///   - folder: the maildir; it is made with the first message.
    ///   - compose: writes the file's bytes.
    package init(folder: String, compose: @escaping @Sendable (OutgoingMessage) throws -> [UInt8]) {
        maildir = Maildir(folder: folder)
        self.compose = compose
    }

    package func send(_ message: OutgoingMessage) async -> SendOutcome {
        let began = ContinuousClock.now
        var outcome = await outcome(of: message)
        outcome.took = .now - began
        return outcome
    }

    private func outcome(of message: OutgoingMessage) async -> SendOutcome {
        let bytes: [UInt8]
        do {
            bytes = try compose(message)
        } catch {
            return SendOutcome(.soft, phase: "message", reply: String("\(error)".prefix(500)))
        }
        let (maildir, name) = (maildir, Maildir.name(of: message.messageID))
        let delivery = await onOwnThread {
            Result { () throws(MaildirError) in try maildir.deliver(bytes, named: name) }
        }
        switch delivery {
        case .success(let delivery):
            let reply = delivery == .stored ? "stored" : "it lay there already"
            return SendOutcome(.accepted, phase: "stored", reply: reply, providerID: name)
        case .failure(let error): return SendOutcome(of: error)
        }
    }
}

extension SendOutcome {
    /// A full disk may pass; a folder that is not ours must be mended.
    init(of error: MaildirError) {
        self.init(error.isForAPerson ? .configuration : .transport, phase: error.step, reply: error.description)
    }
}
