internal import Payments
internal import Schedules
internal import Webhooks
internal import Yams

/// By what a channel goes.
extension ChannelReader {
    mutating func transports(
        _ fields: Fields,
        _ what: String,
        _ channel: NoticeChannel,
        at key: Node
    ) -> [TransportPlan]? {
        let kinds = TransportKey.kinds(of: channel).map(\.rawValue).joined(separator: " or ")
        guard let field = fields[.transports] else {
            if fields.isMissing(.transports) {
                yaml.report(key, "\(what) does not say by what it is sent", remedy: "add transports: with \(kinds)")
            }
            return nil
        }
        guard let sequence = field.value.sequence, !sequence.isEmpty else {
            let remedy = "write each below it, in the order in which they are tried, as - maildir: {}"
            yaml.report(field.value, "transports of \(what) must be a list", remedy: remedy)
            return nil
        }
        let before = yaml.problems.count
        var plans: [TransportPlan] = []
        for node in sequence {
            guard let plan = transport(node, what, channel) else { continue }
            if plans.contains(where: { $0.name == plan.name }) {
                yaml.report(node, "\(what) has two transports named \(plan.name)", remedy: "give one another name")
            }
            plans.append(plan)
        }
        return yaml.problems.count == before ? plans : nil
    }

    private mutating func transport(_ node: Node, _ what: String, _ channel: NoticeChannel) -> TransportPlan? {
        guard let fields = yaml.fields(of: node, "a transport of \(what)", keys: TransportKey.self) else { return nil }
        let takes = TransportKey.kinds(of: channel)
        let words = takes.map(\.rawValue).joined(separator: " or ")
        guard fields.known.count == 1, let (kind, field) = fields.known.first else {
            if !fields.known.isEmpty || takes.allSatisfy(fields.isMissing) {
                yaml.report(node, "a transport of \(what) needs one kind", remedy: "write one of \(words)")
            }
            return nil
        }
        guard takes.contains(kind) else {
            yaml.report(field.key, "\(what) does not go by \(kind.rawValue)", remedy: "it takes \(words)")
            return nil
        }
        let what = "\(kind.rawValue) of \(what)"
        return switch kind {
        case .maildir: maildir(field.value, what, channel)
        case .smtp: relay(field.value, what)
        case .telegram: telegram(field.value, what)
        case .gateway: gateway(field.value, what)
        case .endpoint: endpoint(field.value, what)
        }
    }

    private mutating func maildir(_ node: Node, _ what: String, _ channel: NoticeChannel) -> TransportPlan? {
        guard let fields = yaml.fields(of: node, what, keys: MaildirKey.self) else { return nil }
        guard let field = fields[.folder] else { return .maildir(folder: "\(folder)/\(channel.rawValue)") }
        return yaml.text(field.value, "folder of \(what)").map { .maildir(folder: path($0)) }
    }

    private mutating func relay(_ node: Node, _ what: String) -> TransportPlan? {
        guard let fields = yaml.fields(of: node, what, keys: RelayKey.self) else { return nil }
        let before = yaml.problems.count
        guard let host = fields[.host] else {
            yaml.report(node, "\(what) has no host", remedy: "add host: and the relay's name")
            return nil
        }
        let name = fields[.host].flatMap { yaml.text($0.value, "host of \(what)") } ?? ""
        if name.contains(where: { !$0.isASCII || " /@\"".contains($0) }) {
            yaml.report(host.value, "host of \(what) is no name of a host", remedy: "write it as mail.example.com")
        }
        var security = RelayPlan.Security.starttls
        if let field = fields[.tls] {
            security = yaml.choice(field.value, "tls of \(what)", of: RelayPlan.Security.self) ?? security
        }
        var relay = RelayPlan(name: "relay", host: name, port: security.usualPort, security: security)
        if let field = fields[.name] { relay.name = transportName(field.value, what) ?? "" }
        if let field = fields[.port] { relay.port = yaml.integer(field.value, "port of \(what)", in: 1...65535) ?? 0 }
        if let field = fields[.user] { relay.user = yaml.text(field.value, "user of \(what)") }
        if let field = fields[.password] { relay.password = secret(field.value, "password of \(what)") }
        if (fields[.user] == nil) != (fields[.password] == nil) {
            yaml.report(node, "\(what) needs user and password, or neither", remedy: "add password: { file: NAME }")
        }
        if relay.user != nil, relay.security == .none, !Self.isHere(name) {
            yaml.report(node, "\(what) would send a password in the open", remedy: "use tls: starttls or tls: tls")
        }
        if let field = fields[.authorities] {
            relay.authorities = yaml.text(field.value, "authorities of \(what)").map(path)
        }
        if let field = fields[.hello] { relay.hello = yaml.text(field.value, "hello of \(what)") }
        if let field = fields[.status] { readStatus(field.value, of: "smtp:\(relay.name)") }
        if let field = fields[.timeout] { relay.timeout = timeout(field.value, what) ?? relay.timeout }
        return yaml.problems.count == before ? .smtp(relay) : nil
    }

    private mutating func telegram(_ node: Node, _ what: String) -> TransportPlan? {
        guard let fields = yaml.fields(of: node, what, keys: TelegramKey.self) else { return nil }
        let before = yaml.problems.count
        guard let token = fields[.token] else {
            yaml.report(node, "\(what) has no token", remedy: "add token: { file: NAME } with what BotFather gave")
            return nil
        }
        let text = secret(token.value, "token of \(what)")?.revealed ?? ""
        if !text.isEmpty, !text.utf8.allSatisfy({ Self.tokenLetters.contains($0) }) {
            yaml.report(token.value, "token of \(what) is no token of a bot", remedy: "it looks like 123456:ABC-DEF")
        }
        var settings = TelegramSettings(token: HiddenText(text))
        if let field = fields[.url] { settings.url = address(field.value, "url of \(what)") ?? "" }
        if let field = fields[.timeout] { settings.timeout = timeout(field.value, what) ?? settings.timeout }
        return yaml.problems.count == before ? .telegram(settings) : nil
    }

    private static let tokenLetters = Set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:_-".utf8
    )

    private mutating func endpoint(_ node: Node, _ what: String) -> TransportPlan? {
        guard let fields = yaml.fields(of: node, what, keys: EndpointKey.self) else { return nil }
        let before = yaml.problems.count
        var settings = EndpointSettings()
        if let field = fields[.allowPrivate] {
            settings.allowsPrivate = yaml.boolean(field.value, "allow_private of \(what)") ?? false
        }
        if let field = fields[.allowHTTP] {
            settings.allowsPlainText = yaml.boolean(field.value, "allow_http of \(what)") ?? false
        }
        if let field = fields[.timeout] { settings.timeout = timeout(field.value, what) ?? settings.timeout }
        if let field = fields[.disableAfter] {
            settings.disableAfter =
                yaml.positiveDuration(field.value, "disable_after of \(what)") ?? settings.disableAfter
        }
        return yaml.problems.count == before ? .endpoint(settings) : nil
    }
}
