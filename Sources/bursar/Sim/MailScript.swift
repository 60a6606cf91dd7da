import Yams

/// What a simulated mail server says in place of yes, to whom, and how often.
///
/// The first rule that fits decides; where none does the server behaves.
struct MailScript: Sendable, Equatable {
    /// A step of the dialogue at which a rule strikes.
    enum Step: String, CaseIterable, Sendable {
        case connect, hello, starttls, auth, mail, rcpt, data
        /// The message has begun, and its last dot has not come.
        case body
        /// After the final dot.
        case dot
    }

    struct Rule: Sendable, Equatable {
        var step: Step
        /// Whom it is about, from `rcpt` on, a star standing for anything; nil: everybody.
        var recipient: String?
        /// Only each so-manieth time; nil: always.
        var every: Int?
        /// One after another, for each recipient by itself; the last one stays.
        var acts: [Act]
    }

    /// What the server does.
    struct Act: Sendable, Equatable {
        enum Deed: Sendable, Equatable {
            /// Says this; a code from 200 to 399 means that it goes on as it should.
            case reply(code: Int, text: String)
            /// Hangs up without a word; after the final dot the message is not kept.
            case drop
            /// Keeps the message, and hangs up without a word.
            case dropKept
            /// Says that it keeps the message, and does not.
            case lose
            /// Says nothing until the client has gone.
            case hang
        }

        var deed: Deed
        /// Waits so long before it.
        var delay: Duration = .zero
    }

    var rules: [Rule] = []
    /// Extensions that it does not offer, such as PIPELINING.
    var lacks: Set<String> = []
}

extension MailScript {
    /// Reads YAML or JSON: `lacks`, a list of extensions, and `rules`.
    /// - Throws: what cannot be read, with what may stand there.
    init(_ text: String) throws(CommandFailure) {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw CommandFailure(.badData, "the script is neither YAML nor JSON: \(error)")
        }
        guard let root else { return }
        for (name, value) in try Self.members(of: root, "the script") {
            switch name {
            case "lacks": lacks = Set(Self.words(of: value).map { $0.uppercased() })
            case "rules":
                guard let items = value.sequence else { throw Self.wrong("rules is a list") }
                for item in items { rules.append(try Rule(item)) }
            default: throw Self.wrong("there is no '\(name)' in a script, only lacks and rules")
            }
        }
    }

    /// Adds a rule in short: `ADDRESS=451,451,250`.
    mutating func add(_ step: Step, _ wish: String) throws(CommandFailure) {
        guard let equals = wish.lastIndex(of: "="), equals != wish.startIndex else {
            throw CommandFailure(.usage, "it is ADDRESS=REPLY,REPLY,… and not '\(wish)'")
        }
        let words = wish[wish.index(after: equals)...].split(separator: ",")
        var acts: [Act] = []
        for word in words { acts.append(try Act(String(word))) }
        guard !acts.isEmpty else { throw CommandFailure(.usage, "there is no reply in '\(wish)'") }
        rules.append(Rule(step: step, recipient: String(wish[..<equals]), acts: acts))
    }

    fileprivate static func wrong(_ words: String) -> CommandFailure {
        CommandFailure(.badData, words, remedy: "docs/mail.md shows a script")
    }

    fileprivate static func members(of node: Node, _ what: String) throws(CommandFailure) -> [(String, Node)] {
        guard let mapping = node.mapping else { throw wrong("\(what) is a mapping") }
        return mapping.map { ($0.key.string ?? "", $0.value) }
    }

    /// A list's texts, or the texts between the commas of one.
    fileprivate static func words(of node: Node) -> [String] {
        if let items = node.sequence { return items.map { $0.scalar?.string ?? "" } }
        return (node.scalar?.string ?? "").split(separator: ",").map(String.init)
    }
}

extension MailScript.Rule {
    fileprivate init(_ node: Node) throws(CommandFailure) {
        self.init(step: .rcpt, recipient: nil, every: nil, acts: [])
        var names: Set<String> = []
        for (name, value) in try MailScript.members(of: node, "a rule") {
            names.insert(name)
            let text = value.scalar?.string ?? ""
            switch name {
            case "at":
                guard let step = MailScript.Step(rawValue: text) else {
                    let known = MailScript.Step.allCases.map(\.rawValue).joined(separator: ", ")
                    throw MailScript.wrong("at is one of \(known), not '\(text)'")
                }
                self.step = step
            case "to": recipient = text
            case "every":
                guard let number = Int(text), number > 0 else { throw MailScript.wrong("every is 1 or more") }
                every = number
            case "replies": for word in MailScript.words(of: value) { acts.append(try MailScript.Act(word)) }
            default: throw MailScript.wrong("there is no '\(name)' in a rule, only at, to, every and replies")
            }
        }
        guard names.contains("at"), !acts.isEmpty else { throw MailScript.wrong("a rule needs at and replies") }
        guard recipient == nil || [.rcpt, .data, .body, .dot].contains(step) else {
            throw MailScript.wrong("at \(step.rawValue) nobody knows the recipient yet")
        }
    }

    func concerns(_ recipient: String?) -> Bool {
        guard let pattern = self.recipient else { return true }
        guard let recipient else { return false }
        return Self.fits(Array(recipient.lowercased().utf8)[...], Array(pattern.lowercased().utf8)[...])
    }

    private static func fits(_ text: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        let rest = pattern.dropFirst()
        if first == UInt8(ascii: "*") {
            return fits(text, rest) || (!text.isEmpty && fits(text.dropFirst(), pattern))
        }
        return text.first == first && fits(text.dropFirst(), rest)
    }
}

extension MailScript.Act {
    /// Reads `451`, `550 5.1.1 no such user`, `drop`, `drop-kept`, `lose`, `hang`, each after `wait=200ms` if it is to wait.
    init(_ text: String) throws(CommandFailure) {
        var words = text.split(separator: " ")
        var delay = Duration.zero
        if let first = words.first, first.hasPrefix("wait=") {
            guard first.hasSuffix("ms"), let number = Int(first.dropFirst(5).dropLast(2)), number >= 0 else {
                throw MailScript.wrong("a wait is written wait=200ms, not '\(first)'")
            }
            delay = .milliseconds(number)
            words.removeFirst()
        }
        let deed: Deed
        switch words.first {
        case nil, "ok": deed = .reply(code: 250, text: "")
        case "drop": deed = .drop
        case "drop-kept": deed = .dropKept
        case "lose": deed = .lose
        case "hang": deed = .hang
        case let word?:
            guard let code = Int(word), (200..<600).contains(code) else {
                throw MailScript.wrong("'\(text)' is no reply: a code, or drop, drop-kept, lose, hang, ok")
            }
            deed = .reply(code: code, text: words.dropFirst().joined(separator: " "))
        }
        self.init(deed: deed, delay: delay)
    }
}
