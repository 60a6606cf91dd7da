internal import CivilTime
internal import Outbound

extension SendOutcome {
    /// Why there was no answer: not reached, or nobody knows.
    ///
    /// The endpoint is left out of the text: it may hold a token.
    init(of error: OutboundError) {
        switch error.code {
        case .invalidRequest: self.init(.configuration, phase: "request", reply: error.message)
        case _ where error.mayHaveArrived: self.init(.unknown, phase: "answer", reply: error.message)
        case .insecure: self.init(.transport, phase: "tls", reply: error.message)
        default: self.init(.transport, phase: "connect", reply: error.message)
        }
    }
}

extension HTTPResponse {
    /// The time to wait that `Retry-After` asks for, in seconds or as a date; a day at most.
    ///
    /// Nil where it says nothing of use.
    var retryAfter: Duration? {
        guard let text = self[header: "Retry-After"] else { return nil }
        if let seconds = Int64(text), seconds >= 0 { return .seconds(min(seconds, 86_400)) }
        guard let until = Self.date(text), let now = self[header: "Date"].flatMap(Self.date) else { return nil }
        return min(max(now.duration(to: until), .zero), .seconds(86_400))
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
    private static func date(_ text: String) -> Instant? {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[5] == "GMT", let month = months.firstIndex(of: String(parts[2])) else {
            return nil
        }
        return Instant("\(parts[3])-\(month < 9 ? "0" : "")\(month + 1)-\(parts[1])T\(parts[4])Z")
    }

    /// What it says for the record: one line, at most so many characters, nothing that cannot be printed.
    func excerpt(_ length: Int = 300) -> String {
        let text = String(decoding: body.prefix(length * 4), as: UTF8.self)
        return SendOutcome.trimmed(text, length)
    }
}

extension SendOutcome {
    /// What a next hop said, in one line; e-mail addresses and numbers of six digits and more are left out.
    package static func trimmed(_ text: String, _ length: Int = 500) -> String {
        let printable = text.unicodeScalars.map { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? " " : $0 }
        let words = String(String.UnicodeScalarView(printable)).split(separator: " ")
        let shown = words.map { word in
            let digits = word.utf8.count { (0x30...0x39).contains($0) }
            return word.contains("@") || digits > 6 ? "…" : word
        }
        return String(shown.joined(separator: " ").prefix(length))
    }
}
