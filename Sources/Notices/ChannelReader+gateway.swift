internal import Schedules
internal import Yams

/// An SMS gateway: how a message is written for it, and how its answers are read.
extension ChannelReader {
    mutating func gateway(_ node: Node, _ what: String) -> TransportPlan? {
        guard let fields = yaml.fields(of: node, what, keys: GatewayKey.self) else { return nil }
        let before = yaml.problems.count
        guard let url = fields[.url] else {
            yaml.report(node, "\(what) has no url", remedy: "add url: https://HOST/…")
            return nil
        }
        guard fields[.form] == nil || fields[.json] == nil else {
            yaml.report(node, "\(what) has form and json", remedy: "keep the one that the provider wants")
            return nil
        }
        var gateway = SMSGateway(name: "gateway", url: address(url.value, "url of \(what)") ?? "", body: .none)
        if let field = fields[.name] { gateway.name = transportName(field.value, what) ?? "" }
        if let field = fields[.secrets] { gateway.secrets = secrets(field.value, "secrets of \(what)") }
        if let field = fields[.method] {
            gateway.method = yaml.choice(field.value, "method of \(what)", of: GatewayMethod.self)?.rawValue ?? ""
        }
        if let field = fields[.headers] { gateway.headers = entries(field.value, "headers of \(what)") }
        if let field = fields[.form] { gateway.body = .form(entries(field.value, "form of \(what)")) }
        if let field = fields[.json] { gateway.body = .json(json(field.value)) }
        if let field = fields[.success] { gateway.success = success(field.value, "success of \(what)") }
        if let field = fields[.outcomes] { gateway.rules = rules(field.value, "outcomes of \(what)") }
        if let field = fields[.repeatSafe] {
            gateway.knowsRepeats = yaml.boolean(field.value, "repeat_safe of \(what)") ?? false
        }
        if let field = fields[.status] { readStatus(field.value, of: "gateway:\(gateway.name)") }
        if let field = fields[.timeout] { gateway.timeout = timeout(field.value, what) ?? gateway.timeout }
        guard yaml.problems.count == before else { return nil }
        checkPlaces(of: gateway, node, what)
        return yaml.problems.count == before ? .gateway(gateway) : nil
    }

    /// Every word in braces is one that we know, and number and text go along.
    private mutating func checkPlaces(of gateway: SMSGateway, _ node: Node, _ what: String) {
        let used = Set(gateway.templates.flatMap(SMSGateway.places))
        let known = Set(["to", "number", "text", "id"] + gateway.secrets.keys.map { "secret.\($0)" })
        for place in used.subtracting(known).sorted() {
            let remedy = "use \(known.sorted().map { "{\($0)}" }.joined(separator: ", "))"
            yaml.report(node, "\(what) says {\(place)}, which is nothing", remedy: remedy)
        }
        if !used.contains("to"), !used.contains("number") {
            yaml.report(node, "\(what) tells the provider no number", remedy: "write {to} or {number} where it belongs")
        }
        if !used.contains("text") {
            yaml.report(node, "\(what) tells the provider no text", remedy: "write {text} where it belongs")
        }
        if gateway.knowsRepeats, !used.contains("id") {
            let remedy = "write {id} where the provider wants the sender's reference"
            yaml.report(node, "\(what) is said to know repeats, and gets no reference", remedy: remedy)
        }
    }

    private mutating func secrets(_ node: Node, _ what: String) -> [String: HiddenText] {
        guard let mapping = node.mapping else {
            yaml.report(node, "\(what) must be a mapping from names to files", remedy: "write key: { file: NAME }")
            return [:]
        }
        var found: [String: HiddenText] = [:]
        for (key, value) in mapping {
            guard let name = yaml.text(key, "a name in \(what)") else { continue }
            found[name] = secret(value, "\(name) of \(what)")
        }
        return found
    }

    private mutating func entries(_ node: Node, _ what: String) -> [SMSGateway.Entry] {
        guard let mapping = node.mapping else {
            yaml.report(
                node,
                "\(what) must be a mapping, not \(YAMLReader.found(node))",
                remedy: "write NAME: text below it"
            )
            return []
        }
        return mapping.compactMap { key, value in
            guard let name = yaml.text(key, "a name in \(what)"), let text = yaml.text(value, "\(name) of \(what)")
            else {
                return nil
            }
            return SMSGateway.Entry(name, text)
        }
    }

    private func json(_ node: Node) -> JSONValue {
        switch node {
        case .mapping(let mapping):
            .object(Dictionary(mapping.map { ($0.key.string ?? "", json($0.value)) }) { first, _ in first })
        case .sequence(let sequence): .list(sequence.map { json($0) })
        case .scalar(let scalar):
            switch scalar.unquoted {
            case nil: .text(scalar.string)
            case "true": .boolean(true)
            case "false": .boolean(false)
            case let text? where scalar.isNothing || text == "null": .null
            case let text?: Int64(text).map { .integer($0) } ?? .text(text)
            }
        case .alias: .null
        }
    }

    private mutating func success(_ node: Node, _ what: String) -> SMSGateway.Success {
        var success = SMSGateway.Success()
        guard let fields = yaml.fields(of: node, what, keys: GatewaySuccessKey.self) else { return success }
        if let field = fields[.status] {
            let nodes = field.value.sequence.map(Array.init) ?? [field.value]
            success.statuses = nodes.compactMap { yaml.integer($0, "status of \(what)", in: 200...299) }
        }
        if let field = fields[.id] { success.idPath = yaml.text(field.value, "id of \(what)") }
        if let field = fields[.onlyIf] { success.conditions = conditions(field.value, "only_if of \(what)") }
        return success
    }

    private mutating func conditions(_ node: Node, _ what: String) -> [SMSGateway.Condition] {
        guard let mapping = node.mapping, !mapping.isEmpty else {
            yaml.report(node, "\(what) must be a mapping from fields to the words that they must have")
            return []
        }
        return mapping.compactMap { key, value in
            guard let path = yaml.text(key, "a field of \(what)") else { return nil }
            let nodes = value.sequence.map(Array.init) ?? [value]
            let words = nodes.compactMap { yaml.text($0, "\(path) of \(what)") }
            return words.isEmpty ? nil : SMSGateway.Condition(path: path, words: words)
        }
    }

    private mutating func rules(_ node: Node, _ what: String) -> [SMSGateway.Rule] {
        guard let sequence = node.sequence else {
            yaml.report(
                node,
                "\(what) must be a list",
                remedy: "write - { status: 400, words: invalid number, outcome: hard }"
            )
            return []
        }
        return sequence.compactMap { rule($0, "one of \(what)") }
    }

    private mutating func rule(_ node: Node, _ what: String) -> SMSGateway.Rule? {
        guard let fields = yaml.fields(of: node, what, keys: GatewayRuleKey.self) else { return nil }
        guard let field = fields[.outcome], fields[.status] != nil || fields[.words] != nil else {
            yaml.report(node, "\(what) needs outcome, and status or words", remedy: "add what is missing")
            return nil
        }
        guard let outcome = yaml.choice(field.value, "outcome of \(what)", of: SMSGateway.Rule.Outcome.self) else {
            return nil
        }
        var rule = SMSGateway.Rule(outcome: outcome)
        if let field = fields[.status] { rule.status = yaml.integer(field.value, "status of \(what)", in: 100...599) }
        if let field = fields[.words] { rule.words = yaml.text(field.value, "words of \(what)") }
        return rule
    }
}

private enum GatewayMethod: String, CaseIterable {
    case POST, PUT, GET
}
