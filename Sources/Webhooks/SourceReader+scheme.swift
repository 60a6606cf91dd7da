internal import CivilTime
internal import Schedules
internal import Yams

/// How a source signs, and by which secrets.
extension SourceReader {
    mutating func scheme(_ fields: Fields, _ what: String, at key: Node) -> SignatureScheme? {
        let names = SignatureScheme.names.joined(separator: ", ")
        guard let field = fields[.scheme] else {
            if fields.isMissing(.scheme) {
                yaml.report(key, "\(what) does not say how it signs", remedy: "add scheme: with one of \(names)")
            }
            return nil
        }
        guard let name = field.value.scalar?.string, SignatureScheme.names.contains(name),
            let usual = SignatureScheme.named(name)
        else {
            let message = "scheme of \(what) must be one of \(names), not \(YAMLReader.found(field.value))"
            yaml.report(field.value, message, remedy: "for a sender that is none of them, use generic")
            return nil
        }
        guard let signature = fields[.signature] else { return usual }
        return scheme(name, signature.value, "signature of \(what)")
    }

    private mutating func scheme(_ name: String, _ node: Node, _ what: String) -> SignatureScheme? {
        guard let fields = yaml.fields(of: node, what, keys: SignatureKey.self) else { return nil }
        let takes = SignatureKey.keys(of: name)
        for (key, field) in fields.known where !takes.contains(key) {
            let keys = takes.map(\.rawValue).joined(separator: ", ")
            yaml.report(field.key, "the scheme \(name) has no \(key.rawValue)", remedy: "it takes \(keys)")
            return nil
        }
        var texts: [SignatureKey: String] = [:]
        for (key, field) in fields.known where key != .precision {
            guard let text = yaml.text(field.value, "\(key.rawValue) of \(what)") else { return nil }
            texts[key] = text
        }
        do {
            switch name {
            case "standard-webhooks":
                return .standardWebhooks(try StandardWebhooks(headerPrefix: texts[.headerPrefix] ?? "webhook"))
            case "stripe":
                return .stripe(try StripeWebhooks(signatureHeader: texts[.header] ?? "Stripe-Signature"))
            case "github":
                return .github(
                    try GitHubWebhooks(
                        signatureHeader: texts[.header] ?? "X-Hub-Signature-256",
                        deliveryHeader: texts[.idHeader] ?? "X-GitHub-Delivery"
                    )
                )
            case "payway":
                let precision = fields[.precision].map { yaml.integer($0.value, "precision of \(what)", in: 1...17) }
                guard let digits = precision ?? 14 else { return nil }
                let header = texts[.header] ?? "X-PAYWAY-HMAC-SHA512"
                return .payway(try PayWayPushback(signatureHeader: header, precision: digits))
            default: return try generic(fields, texts, what)
            }
        } catch let error as SchemeError {
            yaml.report(node, "\(what): \(error.problem)", remedy: error.remedy)
        } catch {
            yaml.report(node, "\(what): \(error)")
        }
        return nil
    }

    private mutating func generic(
        _ fields: YAMLReader.Fields<SignatureKey>,
        _ texts: [SignatureKey: String],
        _ what: String
    ) throws -> SignatureScheme? {
        func field(_ key: SignatureKey) -> Node? { fields[key]?.value }
        var (algorithm, encoding, unit) = (
            SignatureAlgorithm.sha256, GenericHMAC.Encoding.hex, GenericHMAC.TimestampUnit.seconds
        )
        if let node = field(.algorithm) {
            guard let found = yaml.choice(node, "algorithm of \(what)", of: SignatureAlgorithm.self) else { return nil }
            algorithm = found
        }
        if let node = field(.encoding) {
            guard let found = yaml.choice(node, "encoding of \(what)", of: GenericHMAC.Encoding.self) else {
                return nil
            }
            encoding = found
        }
        if let node = field(.timestampUnit) {
            guard let found = yaml.choice(node, "timestamp_unit of \(what)", of: GenericHMAC.TimestampUnit.self) else {
                return nil
            }
            unit = found
        }
        return .generic(
            try GenericHMAC(
                algorithm: algorithm,
                encoding: encoding,
                signatureHeader: texts[.header] ?? "X-Signature",
                prefix: texts[.prefix] ?? "",
                timestampHeader: texts[.timestampHeader],
                timestampUnit: unit,
                idHeader: texts[.idHeader],
                signedContent: texts[.signed] ?? "{body}"
            )
        )
    }

    mutating func secrets(_ fields: Fields, _ what: String, at key: Node) -> [WebhookSecret]? {
        guard let field = fields[.secrets] else {
            if fields.isMissing(.secrets) {
                let remedy = "add secrets: with a list of files, as - file: NAME"
                yaml.report(key, "\(what) has no secrets", remedy: remedy)
            }
            return nil
        }
        guard let sequence = field.value.sequence, !sequence.isEmpty else {
            let remedy = "write each below it as - file: NAME, or - credential: NAME"
            yaml.report(field.value, "secrets of \(what) must be a list of files", remedy: remedy)
            return nil
        }
        let before = yaml.problems.count
        let secrets = sequence.compactMap { secret($0, "a secret of \(what)") }
        return yaml.problems.count == before ? secrets : nil
    }

    /// Nil, without a problem, where a checker may not read it.
    private mutating func secret(_ node: Node, _ what: String) -> WebhookSecret? {
        guard let fields = yaml.fields(of: node, what, keys: SecretKey.self) else { return nil }
        guard (fields[.file] == nil) != (fields[.credential] == nil) else {
            yaml.report(node, "\(what) needs a file or a credential, and not both", remedy: "write it as - file: NAME")
            return nil
        }
        let from = fields[.validFrom].map { instant($0.value, "valid_from of \(what)") }
        let until = fields[.validUntil].map { instant($0.value, "valid_until of \(what)") }
        if case .some(.none) = from { return nil }
        if case .some(.none) = until { return nil }
        guard let place = fields[.file] ?? fields[.credential], let name = yaml.text(place.value, what) else {
            return nil
        }
        switch SecretFile.read(name, isCredential: fields[.credential] != nil, beside: yaml.file) {
        case .bytes(let bytes):
            return WebhookSecret(bytes: bytes, validFrom: from ?? nil, validUntil: until ?? nil)
        case .unreadable(let reason, let isForbidden):
            if reader == .checker, isForbidden { return nil }
            yaml.report(place.value, "\(what): \(reason)", remedy: "check the name, and let the daemon's user read it")
            return nil
        }
    }

    private mutating func instant(_ node: Node, _ what: String) -> Instant? {
        if let instant = node.scalar.flatMap({ Instant($0.string) }) { return instant }
        let message = "\(what) must be an instant with its offset, not \(YAMLReader.found(node))"
        yaml.report(node, message, remedy: "write it as 2026-03-01T00:00:00+07:00")
        return nil
    }

    mutating func verifier(
        _ scheme: SignatureScheme,
        _ secrets: [WebhookSecret],
        _ tolerance: Duration,
        _ fields: Fields,
        at key: Node
    ) -> SignatureVerifier? {
        var secrets = secrets
        // Somebody who checks the file and may read no secret checks everything else.
        if secrets.isEmpty, reader == .checker { secrets = [Self.anySecret] }
        do {
            return try SignatureVerifier(scheme: scheme, secrets: secrets, tolerance: tolerance)
        } catch {
            yaml.report(fields[.secrets]?.value ?? key, error.problem, remedy: error.remedy)
            return nil
        }
    }

    /// In the writing of every scheme: base64 of 24 bytes.
    static let anySecret = WebhookSecret(bytes: Array("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3".utf8))
}
