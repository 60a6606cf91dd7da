package import Schedules
package import Webhooks
package import Yams

/// How the posts are read in which a provider tells what became of a message: JSON, or a form with one value a field.
///
/// Part of a transport's entry in the channels file:
///
/// ```yaml
/// status:
///   message: data.id
///   status: data.state
///   reason: data.error
///   words: { DELIVRD: delivered, EXPIRED: failed, UNDELIV: hard, ACCEPTD: accepted, ENROUTE: soft }
/// ```
package struct StatusMapping: Sendable {
    /// The transport whose messages the provider speaks of, as in `/notices/status/NAME`.
    package var transport: String
    /// Where the provider's id of the message stands, or our Message-ID: keys and places with dots between them.
    package var message: String
    package var status: String
    /// Where more is said about why.
    package var reason: String?
    /// Whether `message` is our Message-ID and not the provider's own id.
    package var isOurID = false
    /// What each word of the provider's means; one that is not listed is for a person.
    package var words: [String: ReturnVerdict]
    /// Checks posts where the provider signs them; nil: the house's inbound secret must be shown.
    package var verifier: SignatureVerifier?

    package init(transport: String, message: String, status: String, words: [String: ReturnVerdict]) {
        self.transport = transport
        self.message = message
        self.status = status
        self.words = words
    }

    /// What a post says.
    package enum Reading: Hashable, Sendable {
        case tells(id: String, verdict: ReturnVerdict, reason: String)
        case unreadable(String)
    }

    /// Reads a stored post.
    package func read(_ body: [UInt8]) -> Reading {
        guard let body = PostBody(body) ?? FormBody.read(body) else {
            return .unreadable("it is neither JSON nor a form that can be read")
        }
        guard let id = body.at(message)?.words, (1...255).contains(id.utf8.count) else {
            return .unreadable("there is no message's id at \(message)")
        }
        guard let word = body.at(status)?.words else { return .unreadable("there is no status at \(status)") }
        guard let verdict = words[word] else {
            return .unreadable("the status at \(status) is a word that the channels file does not know")
        }
        let more = reason.flatMap { body.at($0)?.words }
        return .tells(id: id, verdict: verdict, reason: [word, more].compactMap(\.self).joined(separator: ": "))
    }
}

/// A form (application/x-www-form-urlencoded), as SMS gateways still post them.
enum FormBody {
    /// Nil where the bytes are no form, or a field stands twice.
    static func read(_ bytes: [UInt8]) -> PostBody? {
        guard bytes.contains(UInt8(ascii: "=")), bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        var fields: [String: PostBody] = [:]
        for pair in bytes.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let name = text(parts[0]), let value = text(parts[1]), fields[name] == nil else {
                return nil
            }
            fields[name] = .text(value)
        }
        return .object(fields)
    }

    private static func text(_ coded: ArraySlice<UInt8>) -> String? {
        var bytes: [UInt8] = []
        var rest = coded
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                let digits = rest.prefix(2)
                guard digits.count == 2, digits.first != UInt8(ascii: "+"),
                    let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16), value != 0
                else { return nil }
                bytes.append(value)
                rest = rest.dropFirst(2)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

/// The keys of a transport's `status` in the channels file.
package enum StatusMappingKey: String, FileKeys {
    case message, status, reason, words
    case ourID = "our_id"
}

extension StatusMapping {
    /// Reads the `status` of a transport; every problem goes to the reader, with its place.
    ///
    /// Whether the provider signs its posts, and with what, the caller says afterwards.
    package init?(_ node: Node, of transport: String, with reader: inout YAMLReader) {
        let what = "status of \(transport)"
        guard let fields = reader.fields(of: node, what, keys: StatusMappingKey.self) else { return nil }
        for key in [StatusMappingKey.message, .status, .words] where fields.isMissing(key) {
            reader.report(node, "\(what) has no \(key.rawValue)", remedy: "it needs message, status and words")
        }
        let message = fields[.message].flatMap { reader.text($0.value, "message of \(what)") }
        let status = fields[.status].flatMap { reader.text($0.value, "status of \(what)") }
        var words: [String: ReturnVerdict] = [:]
        if let field = fields[.words] {
            guard let mapping = field.value.mapping, !mapping.isEmpty else {
                reader.report(field.value, "words of \(what) must be a mapping", remedy: "write { DELIVRD: delivered }")
                return nil
            }
            for (key, value) in mapping {
                guard let word = reader.text(key, "a word of \(what)") else { continue }
                words[word] = reader.choice(value, "\(word) of \(what)", of: ReturnVerdict.self)
            }
        }
        guard let message, let status, !words.isEmpty else { return nil }
        self.init(transport: transport, message: message, status: status, words: words)
        reason = fields[.reason].flatMap { reader.text($0.value, "reason of \(what)") }
        isOurID = fields[.ourID].flatMap { reader.boolean($0.value, "our_id of \(what)") } ?? false
    }
}
