package import Schedules
internal import Yams

/// Everything that is wrong with a channels file, in order; with a problem in it nothing of it counts.
package struct ChannelProblems: Error, Sendable, CustomStringConvertible {
    package let problems: [FileProblem]

    init(_ problems: [FileProblem]) { self.problems = problems.sorted() }

    /// One problem a line.
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}

extension ChannelBook {
    /// Who reads the file.
    package enum Reader: Sendable {
        /// The daemon: it needs every secret.
        case daemon
        /// Somebody who checks it, and may have no right to read the secrets.
        case checker
    }

    /// Reads a file with the secrets that it names.
    ///
    /// - Parameters:
    ///   - file: its path.
    ///   - folder: where maildirs lie that say no folder of their own.
    ///   - reader: who reads it.
    /// - Returns: every channel that the file names, and the operator's.
    /// - Throws: every problem of the file; nothing is half loaded.
    package static func load(
        _ file: String,
        folder: String,
        as reader: Reader = .daemon
    ) throws(ChannelProblems) -> ChannelBook {
        var problems: [FileProblem] = []
        guard let text = ScheduleFiles.text(of: file, &problems) else { throw ChannelProblems(problems) }
        return try read(text, file: file, folder: folder, as: reader)
    }

    /// Reads a text that is already in memory; its secrets lie beside the file of that name.
    package static func read(
        _ text: String,
        file: String,
        folder: String,
        as reader: Reader = .daemon
    ) throws(ChannelProblems) -> ChannelBook {
        var channels = ChannelReader(file: file, folder: folder, reader: reader)
        let found = channels.file(text)
        guard channels.yaml.problems.isEmpty else { throw ChannelProblems(channels.yaml.problems) }
        return ChannelBook(found, file: file, statuses: channels.statuses)
    }
}

/// Reads the channels of one file and collects every problem in it.
struct ChannelReader {
    let folder: String
    let reader: ChannelBook.Reader
    var yaml: YAMLReader
    /// What the providers' posts mean, by transport.
    var statuses: [String: StatusMapping] = [:]

    typealias Fields = YAMLReader.Fields<ChannelKey>

    init(file: String, folder: String, reader: ChannelBook.Reader) {
        self.folder = folder
        self.reader = reader
        yaml = YAMLReader(file: file)
    }

    mutating func file(_ text: String) -> [NoticeChannel: ChannelBook.Channel] {
        let document = YAMLDocument(text, file: yaml.file)
        yaml.report(document.problems)
        guard document.problems.isEmpty else { return [:] }
        guard let root = document.root else {
            let position = SourcePosition(file: yaml.file, line: 1, column: 1)
            let remedy = "begin with version: 1 and channels:, or take notices.channels out of the configuration"
            yaml.report([FileProblem(at: position, "the file is empty", remedy: remedy)])
            return [:]
        }
        guard let fields = yaml.fields(of: root, "a channels file", keys: ChannelFileKey.self) else { return [:] }
        if let version = fields[.version] {
            if version.value.scalar?.unquoted != "1" {
                let message = "version must be 1, not \(YAMLReader.found(version.value))"
                yaml.report(version.value, message, remedy: "this Bursar reads version: 1 only")
            }
        } else if fields.isMissing(.version) {
            yaml.report(root, "the file does not say which version of the format it is", remedy: "add version: 1")
        }
        guard let entries = fields[.channels] else {
            if fields.isMissing(.channels) {
                yaml.report(root, "the file has no channels", remedy: "add channels: and an entry below it")
            }
            return [:]
        }
        return channels(entries.value)
    }

    private mutating func channels(_ node: Node) -> [NoticeChannel: ChannelBook.Channel] {
        guard let mapping = node.mapping else {
            yaml.report(
                node,
                "channels must be a mapping from channels to how they are sent, not \(YAMLReader.found(node))"
            )
            return [:]
        }
        var found: [NoticeChannel: ChannelBook.Channel] = [:]
        var last: (key: Node, body: Node)?
        for (key, body) in mapping {
            guard let channel = yaml.choice(key, "a channel", of: NoticeChannel.self) else { continue }
            // It may go by the transports of e-mail, wherever that stands.
            if channel == .operator { last = (key, body) } else { found[channel] = self.channel(channel, key, body) }
        }
        found[.operator] = last.map { house($0.key, $0.body, mail: found[.email]) } ?? nobodyNamed
        return found
    }

    /// What the house is told, where the file does not say how: a folder here, so that it is not lost.
    private var nobodyNamed: ChannelBook.Channel {
        var channel = ChannelBook.Channel(transports: [.maildir(folder: "\(folder)/operator")], mail: .nobody)
        channel.operatorAddress = "operator@localhost"
        return channel
    }

    private mutating func channel(_ channel: NoticeChannel, _ key: Node, _ body: Node) -> ChannelBook.Channel? {
        let what = "channel \(channel.rawValue)"
        guard let fields = yaml.fields(of: body, what, keys: ChannelKey.self) else { return nil }
        if let to = fields[.to] {
            yaml.report(to.key, "\(what) has no to", remedy: "only the channel operator writes to one address")
        }
        guard let transports = transports(fields, what, channel, at: key) else { return nil }
        return entry(fields, what, channel, transports, at: key)
    }

    /// The channel of the house: by the transports of e-mail, unless it has some of its own.
    private mutating func house(
        _ key: Node,
        _ body: Node,
        mail: ChannelBook.Channel?
    ) -> ChannelBook.Channel? {
        let what = "channel operator"
        guard let fields = yaml.fields(of: body, what, keys: ChannelKey.self) else { return nil }
        guard let to = fields[.to] else {
            if fields.isMissing(.to) {
                yaml.report(key, "\(what) does not say whom it writes to", remedy: "add to: and an e-mail address")
            }
            return nil
        }
        guard let address = mailbox(to.value, "to of \(what)") else { return nil }
        let own: [TransportPlan]? =
            if fields[.transports] == nil {
                mail?.transports ?? [.maildir(folder: "\(folder)/operator")]
            } else {
                transports(fields, what, .operator, at: key)
            }
        guard let own, var channel = entry(fields, what, .operator, own, at: key, usual: mail?.mail) else { return nil }
        channel.operatorAddress = address.address
        return channel
    }

    private mutating func entry(
        _ fields: Fields,
        _ what: String,
        _ channel: NoticeChannel,
        _ transports: [TransportPlan],
        at key: Node,
        usual: ChannelBook.MailIdentity? = nil
    ) -> ChannelBook.Channel? {
        let before = yaml.problems.count
        var entry = ChannelBook.Channel(transports: transports)
        if let field = fields[.enabled] { entry.isEnabled = yaml.boolean(field.value, "enabled of \(what)") ?? true }
        if let field = fields[.connections] {
            entry.connections = yaml.integer(field.value, "connections of \(what)", in: 1...256) ?? entry.connections
        }
        if channel == .telegram { entry.limits = TelegramSettings.usualLimits }
        if let field = fields[.limits] { readLimits(field.value, "limits of \(what)", &entry.limits) }
        let isMail = channel == .email || channel == .operator
        for field in [fields[.from], fields[.replyTo], fields[.bounces]].compactMap(\.self) where !isMail {
            yaml.report(field.key, "\(what) has no sender", remedy: "only e-mail has from, reply_to and bounces")
        }
        if isMail { entry.mail = mail(fields, what, transports, at: key, usual) }
        return yaml.problems.count == before ? entry : nil
    }

    private mutating func mail(
        _ fields: Fields,
        _ what: String,
        _ transports: [TransportPlan],
        at key: Node,
        _ usual: ChannelBook.MailIdentity?
    ) -> ChannelBook.MailIdentity? {
        let leaves = transports.contains { if case .smtp = $0 { true } else { false } }
        var mail = usual ?? .nobody
        if let from = fields[.from] {
            guard let sender = mailbox(from.value, "from of \(what)") else { return nil }
            mail.sender = sender
        } else if leaves, usual == nil, fields.isMissing(.from) {
            yaml.report(
                key,
                "\(what) does not say whom its mail is from",
                remedy: "add from: Name <address@example.com>"
            )
            return nil
        }
        if let reply = fields[.replyTo] { mail.replyTo = mailbox(reply.value, "reply_to of \(what)") }
        if let field = fields[.bounces], let domain = yaml.text(field.value, "bounces of \(what)") {
            if Mailbox("bounces@\(domain)") == nil || !domain.contains(".") {
                yaml.report(field.value, "bounces of \(what) is no domain", remedy: "write it as bounces.example.com")
            }
            mail.bounceDomain = domain
        }
        return mail
    }

    private mutating func readLimits(_ node: Node, _ what: String, _ limits: inout ChannelBook.Limits) {
        guard let fields = yaml.fields(of: node, what, keys: ChannelLimitsKey.self) else { return }
        if let field = fields[.perSecond],
            let rate = yaml.integer(field.value, "per_second of \(what)", in: 1...100_000)
        {
            limits.rate = Double(rate)
            limits.burst = Double(rate)
        }
        if let field = fields[.burst], let burst = yaml.integer(field.value, "burst of \(what)", in: 1...1_000_000) {
            limits.burst = Double(burst)
        }
        if let field = fields[.perDay] {
            limits.perDay = yaml.integer(field.value, "per_day of \(what)", in: 1...100_000_000)
        }
    }
}
