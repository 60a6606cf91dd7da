import CCurl
import Glibc

/// Why there is no reply.
struct SMTPSilence: Error {
    let code: OutboundError.Code
    let message: String
}

extension SMTPConnection {
    /// The bounds of one message: until when, and whether it is still wanted.
    struct Bounds {
        let deadline: ContinuousClock.Instant
        let isInterrupted: () -> OutboundError.Code?
    }

    /// Sends bytes; `sent` says how many the system has taken, whatever the end.
    func send(_ bytes: [UInt8], _ bounds: Bounds, sent: inout Int) throws(SMTPSilence) {
        while sent < bytes.count {
            var count = 0
            let start = sent
            let result = bytes.withUnsafeBytes { whole in
                let rest = UnsafeRawBufferPointer(rebasing: whole[start...])
                return curl_easy_send(handle, rest.baseAddress, rest.count, &count)
            }
            switch result {
            case CURLE_OK: sent += count
            case CURLE_AGAIN: try wait(.writing, bounds)
            default: throw broken(result)
            }
        }
    }

    func say(_ text: String, _ bounds: Bounds) throws(SMTPSilence) {
        var sent = 0
        try send(Array(text.utf8), bounds, sent: &sent)
    }

    /// Reads the next reply, of one or several lines.
    func hear(_ bounds: Bounds) throws(SMTPSilence) -> SMTPReply {
        var lines: [Substring] = []
        while true {
            guard let line = try takeLine() else {
                try read(bounds)
                continue
            }
            lines.append(line)
            guard lines.count <= 128 else { throw SMTPSilence(code: .failed, message: "a reply of over 128 lines") }
            if line.utf8.dropFirst(3).first == UInt8(ascii: "-"), SMTPReply.code(of: line) != nil { continue }
            guard let reply = SMTPReply(lines: lines) else {
                throw SMTPSilence(code: .failed, message: "what the relay says is no SMTP: \(String(line).shown)")
            }
            return reply
        }
    }

    /// Whether the relay has said nothing unasked, and has not hung up.
    var isQuiet: Bool {
        guard standing == .ready, unread.isEmpty else { return false }
        var byte: UInt8 = 0
        var count = 0
        return curl_easy_recv(handle, &byte, 1, &count) == CURLE_AGAIN
    }

    private func takeLine() throws(SMTPSilence) -> Substring? {
        guard let end = unread.firstIndex(of: UInt8(ascii: "\n")) else {
            if unread.count > 4096 { throw SMTPSilence(code: .failed, message: "a line of over 4096 bytes") }
            return nil
        }
        var line = unread[..<end]
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        let text = String(decoding: line, as: UTF8.self)
        unread.removeFirst(end + 1)
        return Substring(text)
    }

    private func read(_ bounds: Bounds) throws(SMTPSilence) {
        while true {
            var count = 0
            var result = CURLE_OK
            let piece = [UInt8](unsafeUninitializedCapacity: 2048) { buffer, filled in
                result = curl_easy_recv(handle, buffer.baseAddress, buffer.count, &count)
                filled = result == CURLE_OK ? count : 0
            }
            switch result {
            case CURLE_OK where count > 0:
                unread += piece
                return
            case CURLE_OK: throw SMTPSilence(code: .interrupted, message: "the relay hung up")
            case CURLE_AGAIN: try wait(.reading, bounds)
            default: throw broken(result)
            }
        }
    }

    private func wait(_ wish: SMTPWait.Wish, _ bounds: Bounds) throws(SMTPSilence) {
        while true {
            if let code = bounds.isInterrupted() { throw SMTPSilence(code: code, message: SMTPDesk.words(code)) }
            let rest = bounds.deadline - .now
            guard rest > .zero else {
                throw SMTPSilence(code: .timedOut, message: "no reply within \(relay.timeout)")
            }
            if case .ready = SMTPWait.wait(multi, socket, for: wish, rest) { return }
        }
    }

    private func broken(_ result: CURLcode) -> SMTPSilence {
        SMTPSilence(code: .interrupted, message: "the connection broke: \(String(cString: curl_easy_strerror(result)))")
    }
}
