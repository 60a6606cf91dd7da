internal import Schedules
internal import Yams

/// What a source may send, what it is answered, and what its posts mean.
extension SourceReader {
    mutating func eventID(_ fields: Fields, _ what: String, _ scheme: SignatureScheme) -> EventIDRule? {
        let what = "event_id of \(what)"
        guard let field = fields[.eventID] else { return Self.usualEventID(scheme.name, fields) }
        switch field.value.scalar?.string {
        case "signature": return .scheme
        case "body_sha256": return .bodyHash
        default: break
        }
        guard field.value.mapping != nil else {
            let remedy = "write signature, body_sha256, { header: NAME } or { json: [FIELD, …] }"
            yaml.report(field.value, "\(what) is \(YAMLReader.found(field.value))", remedy: remedy)
            return nil
        }
        guard let rule = yaml.fields(of: field.value, what, keys: EventIDKey.self) else { return nil }
        switch (rule[.header], rule[.json]) {
        case (let header?, nil): return yaml.text(header.value, "header of \(what)").map(EventIDRule.header)
        case (nil, let json?): return texts(json.value, "a field of \(what)").map(EventIDRule.json)
        default:
            yaml.report(field.value, "\(what) needs either header or json", remedy: "keep one of the two")
            return nil
        }
    }

    /// What tells the posts of each scheme apart where nothing else is said.
    private static func usualEventID(_ scheme: String, _ fields: Fields) -> EventIDRule {
        switch scheme {
        case "payway": .json(["tran_id", "apv", "status"])
        case "stripe": .json(["id"])
        case "generic":
            fields[.signature]?.value.mapping?["id_header"] == nil ? .bodyHash : .scheme
        default: .scheme
        }
    }

    mutating func readAnswer(_ fields: Fields, _ what: String, _ source: inout WebhookSource) {
        let what = "answer of \(what)"
        guard let field = fields[.answer], let answer = yaml.fields(of: field.value, what, keys: AnswerKey.self) else {
            return
        }
        if let status = answer[.status].flatMap({ yaml.integer($0.value, "status of \(what)", in: 200...299) }) {
            source.answer.status = status
        }
        if let body = answer[.body] {
            // An empty text is an answer too.
            if let scalar = body.value.scalar, scalar.string.utf8.count <= 4096 {
                source.answer.body = Array(scalar.string.utf8)
            } else {
                yaml.report(body.value, "body of \(what) must be a text of at most 4096 bytes", remedy: "shorten it")
            }
        }
        if let type = answer[.contentType].flatMap({ yaml.text($0.value, "content_type of \(what)") }) {
            source.answer.contentType = type
        }
        if source.answer.status == 204, !source.answer.body.isEmpty, answer[.body] == nil { source.answer.body = [] }
    }

    mutating func readLimits(_ fields: Fields, _ what: String, _ source: inout WebhookSource) {
        if let field = fields[.bodyLimit] {
            let range: ClosedRange<Int64> = 1024...(8 << 20)
            source.bodyLimit = yaml.integer(field.value, "body_limit of \(what)", in: range) ?? source.bodyLimit
        }
        if let field = fields[.contentTypes], let types = texts(field.value, "content_types of \(what)") {
            source.contentTypes = types.map { $0.lowercased() }
        }
    }

    mutating func readRates(_ fields: Fields, _ what: String, _ source: inout WebhookSource) {
        let what = "rates of \(what)"
        guard let field = fields[.rates], let rates = yaml.fields(of: field.value, what, keys: RatesKey.self) else {
            return
        }
        source.sourceRate = rates[.source].flatMap { rate($0.value, "source of \(what)") } ?? source.sourceRate
        source.addressRate = rates[.address].flatMap { rate($0.value, "address of \(what)") } ?? source.addressRate
    }

    private mutating func rate(_ node: Node, _ what: String) -> PostRate? {
        guard let fields = yaml.fields(of: node, what, keys: RateKey.self) else { return nil }
        guard let perSecond = fields[.perSecond], let burst = fields[.burst] else {
            yaml.report(node, "\(what) needs per_second and burst", remedy: "as { per_second: 50, burst: 200 }")
            return nil
        }
        guard let steady = yaml.integer(perSecond.value, "per_second of \(what)", in: 1...1_000_000),
            let most = yaml.integer(burst.value, "burst of \(what)", in: 1...1_000_000)
        else { return nil }
        return PostRate(perSecond: Double(steady), burst: Double(most))
    }

    mutating func payment(_ node: Node, _ what: String) -> PaymentMapping? {
        guard let fields = yaml.fields(of: node, what, keys: PaymentKey.self) else { return nil }
        var mapping = PaymentMapping()
        mapping.md5 = path(.md5, fields, what)
        mapping.providerReference = path(.providerReference, fields, what)
        mapping.billNumber = path(.billNumber, fields, what)
        mapping.account = path(.account, fields, what)
        mapping.amount = path(.amount, fields, what)
        mapping.currency = path(.currency, fields, what)
        if let field = fields[.authoritative] {
            mapping.isAuthoritative = yaml.boolean(field.value, "authoritative of \(what)") ?? false
        }
        if let field = fields[.paidWhen] { mapping.paidWhen = conditions(field.value, "paid_when of \(what)") }
        let keys = [PaymentKey.md5, .providerReference, .billNumber]
        guard keys.contains(where: { fields[$0] != nil }) else {
            let remedy = "name the field with one of \(keys.map(\.rawValue).joined(separator: ", "))"
            yaml.report(node, "\(what) has no field by which a payment can be found", remedy: remedy)
            return nil
        }
        return mapping
    }

    private mutating func path(
        _ key: PaymentKey,
        _ fields: YAMLReader.Fields<PaymentKey>,
        _ what: String
    ) -> String? {
        fields[key].flatMap { yaml.text($0.value, "\(key.rawValue) of \(what)") }
    }

    private mutating func conditions(_ node: Node, _ what: String) -> [PaymentMapping.Condition] {
        guard let mapping = node.mapping, !mapping.isEmpty else {
            yaml.report(node, "\(what) must be a mapping from fields to the words that they must have")
            return []
        }
        return mapping.compactMap { key, value in
            guard let path = yaml.text(key, "a field of \(what)"), let words = texts(value, "\(path) of \(what)") else {
                return nil
            }
            return PaymentMapping.Condition(path: path, words: words)
        }
    }
}
