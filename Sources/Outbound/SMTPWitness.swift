import CCurl

/// What both sides said while libcurl made a connection: it tells in its own result only that something was refused.
///
/// Of what authenticates us it keeps nothing but that it was sent.
final class SMTPWitness {
    /// Where the dialogue stands: what was last sent decides what a reply is about.
    private(set) var phase = SMTPOutcome.Phase.greeting
    /// The last complete reply.
    private(set) var reply: SMTPReply?
    /// What the server says it can do, from its last reply to EHLO: upper-case words.
    private(set) var extensions: Set<String> = []
    /// Whether the server accepted who we are.
    private(set) var isAuthenticated = false
    private var isHello = false
    private var lines: [Substring] = []

    func take(sent bytes: UnsafeRawBufferPointer) {
        let verb = String(decoding: bytes.prefix { $0 != 0x20 && $0 != 0x0D }, as: UTF8.self).uppercased()
        isHello = verb == "EHLO" || verb == "HELO"
        switch verb {
        case "EHLO", "HELO": phase = .greeting
        case "STARTTLS": phase = .tls
        case "AUTH": phase = .auth
        // The rest of an authentication is no command.
        default: break
        }
    }

    func take(received bytes: UnsafeRawBufferPointer) {
        var line = Substring(String(decoding: bytes.prefix(2048), as: UTF8.self))
        while let last = line.utf8.last, last == 0x0D || last == 0x0A {
            line = Substring(line.unicodeScalars.dropLast())
        }
        if lines.count < 128 { lines.append(line) }
        guard SMTPReply.code(of: line) != nil, line.utf8.dropFirst(3).first != UInt8(ascii: "-") else { return }
        reply = SMTPReply(lines: lines)
        lines = []
        guard let reply else { return }
        if isHello, reply.isPositive {
            extensions = Set(reply.lines.dropFirst().compactMap { $0.split(separator: " ").first?.uppercased() })
        }
        if phase == .auth, reply.isPositive { isAuthenticated = true }
    }
}

/// The shape of CURLOPT_DEBUGFUNCTION; its context is an `SMTPWitness`.
let tellWitness: ccurl_witness = { _, kind, bytes, count, context in
    guard let context, let bytes else { return 0 }
    let witness = Unmanaged<SMTPWitness>.fromOpaque(context).takeUnretainedValue()
    let piece = UnsafeRawBufferPointer(start: bytes, count: count)
    if kind == CURLINFO_HEADER_OUT { witness.take(sent: piece) }
    if kind == CURLINFO_HEADER_IN { witness.take(received: piece) }
    return 0
}
