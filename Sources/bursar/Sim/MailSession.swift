import Glibc

/// One client of the simulated mail server: RFC 5321 as far as a client of ours speaks it, and what the script makes of it.
final class MailSession {
    private let stream: MailStream
    private let play: MailPlay
    private let setup: MailSimulator.Setup
    private let spool: MailSpool
    private var sender: String?
    private var recipient: String?
    private var isKnown = false
    private var isOver = false

    init(_ socket: Int32, _ play: MailPlay, _ setup: MailSimulator.Setup, _ spool: MailSpool) {
        stream = MailStream(socket)
        self.play = play
        self.setup = setup
        self.spool = spool
    }

    /// Talks until one side has gone.
    func run() {
        // OpenSSL writes without asking for no signal, and a client may be gone.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        play.count { $0.connections += 1 }
        if setup.isSecureFromStart, let certificate = setup.certificate, !stream.secure(certificate) { return }
        perform(.connect, otherwise: (220, "sim.example ESMTP")) {}
        while !isOver, let line = stream.line() { obey(String(decoding: line, as: UTF8.self)) }
        _ = stream.flush()
    }

    private func obey(_ line: String) {
        let verb = line.prefix { $0 != " " }.uppercased()
        play.count { $0.commands[verb, default: 0] += 1 }
        switch verb {
        case "EHLO", "HELO":
            perform(.hello, otherwise: nil) {
                (sender, recipient) = (nil, nil)
                hello()
            }
        case "STARTTLS": startTLS()
        case "AUTH": authenticate(line)
        case "MAIL": mail(line)
        case "RCPT": rcpt(line)
        case "DATA": data()
        case "RSET":
            (sender, recipient) = (nil, nil)
            reply(250, "2.0.0 reset")
        case "NOOP": reply(250, "2.0.0 ok")
        case "QUIT":
            reply(221, "2.0.0 bye")
            isOver = true
        default: reply(502, "5.5.1 no such command")
        }
    }

    private func hello() {
        var offers = ["PIPELINING", "SIZE 52428800", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
        if setup.certificate != nil, !stream.isSecure { offers.append("STARTTLS") }
        if offersLogin { offers.append("AUTH PLAIN LOGIN") }
        offers.removeAll { offer in play.script.lacks.contains(String(offer.prefix { $0 != " " })) }
        let lines = ["sim.example"] + offers
        for (place, line) in lines.enumerated() { stream.say("250\(place + 1 < lines.count ? "-" : " ")\(line)\r\n") }
    }

    /// A password is not taken in the clear where TLS could be had.
    private var offersLogin: Bool {
        setup.login != nil && (setup.certificate == nil || stream.isSecure) && !play.script.lacks.contains("AUTH")
    }

    private func startTLS() {
        guard let certificate = setup.certificate, !stream.isSecure else { return reply(502, "5.5.1 no such command") }
        perform(.starttls, otherwise: (220, "2.0.0 go on")) {
            isOver = !(stream.flush() && stream.secure(certificate))
        }
    }

    private func authenticate(_ line: String) {
        guard offersLogin, let login = setup.login else { return reply(502, "5.5.1 no such command") }
        let words = line.split(separator: " ")
        var said: [String] = []
        switch words.dropFirst().first?.uppercased() {
        case "PLAIN":
            let first = words.count > 2 ? String(words[2]) : ask("")
            said = (first.flatMap(Base64.bytes) ?? []).split(separator: 0, omittingEmptySubsequences: false)
                .dropFirst().map { String(decoding: $0, as: UTF8.self) }
        case "LOGIN":
            let user = words.count > 2 ? String(words[2]) : ask("VXNlcm5hbWU6")
            let password = ask("UGFzc3dvcmQ6")
            said = [user, password].compactMap { $0.flatMap(Base64.bytes) }.map { String(decoding: $0, as: UTF8.self) }
        default: return reply(504, "5.5.4 no such mechanism")
        }
        guard said == [login.user, login.password] else { return reply(535, "5.7.8 wrong name or password") }
        perform(.auth, otherwise: (235, "2.7.0 welcome")) { isKnown = true }
    }

    private func ask(_ question: String) -> String? {
        stream.say("334 \(question)\r\n")
        return stream.line().map { String(decoding: $0, as: UTF8.self) }
    }

    private func mail(_ line: String) {
        guard setup.login == nil || isKnown else { return reply(530, "5.7.0 authenticate first") }
        guard sender == nil else { return reply(503, "5.5.1 one at a time") }
        guard let address = Self.address(in: line) else { return reply(501, "5.5.4 MAIL FROM:<address>") }
        perform(.mail, otherwise: (250, "2.1.0 ok")) { sender = address }
    }

    private func rcpt(_ line: String) {
        guard sender != nil else { return reply(503, "5.5.1 MAIL first") }
        guard recipient == nil else { return reply(452, "4.5.3 one recipient at a time") }
        guard let address = Self.address(in: line), !address.isEmpty else {
            return reply(501, "5.5.4 RCPT TO:<address>")
        }
        perform(.rcpt, about: address, otherwise: (250, "2.1.5 ok")) { recipient = address }
    }

    private func data() {
        guard let sender, let recipient else { return reply(503, "5.5.1 RCPT first") }
        var isComing = false
        perform(.data, about: recipient, otherwise: (354, "end it with a dot")) { isComing = true }
        guard isComing else { return }
        perform(.body, about: recipient, otherwise: nil) {}
        guard !isOver, let message = message() else {
            isOver = true
            return
        }
        (self.sender, self.recipient) = (nil, nil)
        perform(.dot, about: recipient, otherwise: nil) {
            guard spool.keep(.init(sender: sender, recipient: recipient, message: message)) else {
                return reply(452, "4.3.1 the disk is full")
            }
            play.count { $0.messages += 1 }
            reply(250, "2.0.0 Ok: queued as \(Self.id())")
        } lose: {
            play.count { $0.lost += 1 }
            reply(250, "2.0.0 Ok: queued as \(Self.id())")
        } keep: {
            if spool.keep(.init(sender: sender, recipient: recipient, message: message)) {
                play.count { $0.messages += 1 }
            }
        }
    }

    private func message() -> [UInt8]? {
        var result: [UInt8] = []
        while let line = stream.line() {
            if line.first == UInt8(ascii: ".") {
                if line.count == 1 { return result }
                result += line.dropFirst()
            } else {
                result += line
            }
            result += [0x0D, 0x0A]
        }
        return nil
    }

    /// Does what the script wants at a step, or else what is right: the reply, if one is given, and then the body.
    private func perform(
        _ step: MailScript.Step,
        about recipient: String? = nil,
        otherwise usual: (code: Int, text: String)?,
        _ goOn: () -> Void,
        lose: () -> Void = {},
        keep: () -> Void = {}
    ) {
        let act = play.act(at: step, recipient: recipient)
        if let delay = act?.delay, delay > .zero {
            _ = stream.flush()
            // The thread is this connection's own.
            usleep(
                UInt32(
                    clamping: delay.components.seconds * 1_000_000 + delay.components.attoseconds / 1_000_000_000_000
                )
            )
        }
        switch act?.deed {
        case .reply(let code, let text) where code >= 400: reply(code, text.isEmpty ? "as scripted" : text)
        case .reply(_, let text):
            if let usual { reply(usual.code, text.isEmpty ? usual.text : text) }
            goOn()
        case nil:
            if let usual { reply(usual.code, usual.text) }
            goOn()
        case .drop: isOver = true
        case .dropKept:
            keep()
            isOver = true
        case .lose: lose()
        case .hang:
            _ = stream.flush()
            stream.waitForEnd()
            isOver = true
        }
    }

    private func reply(_ code: Int, _ text: String) {
        if code >= 400 { play.count { $0.refusals += 1 } }
        stream.say("\(code) \(text)\r\n")
    }

    private static func address(in line: String) -> String? {
        guard let start = line.firstIndex(of: "<"), let end = line[start...].firstIndex(of: ">") else { return nil }
        return String(line[line.index(after: start)..<end])
    }

    private static func id() -> String { String(UInt64.random(in: 1...UInt64.max), radix: 16) }
}
