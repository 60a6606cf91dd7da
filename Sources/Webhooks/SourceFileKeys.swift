internal import Schedules

/// The keys at the top of a file of webhook sources.
enum SourceFileKey: String, FileKeys {
    case version, sources
}

/// The keys of one source.
enum SourceKey: String, FileKeys {
    case scheme, signature, secrets, tolerance
    case eventID = "event_id"
    case contentTypes = "content_types"
    case bodyLimit = "body_limit"
    case answer, rates, payment
}

/// The keys of `signature`; each scheme takes some of them.
enum SignatureKey: String, FileKeys {
    case header, algorithm, encoding, prefix, signed, precision
    case timestampHeader = "timestamp_header"
    case timestampUnit = "timestamp_unit"
    case idHeader = "id_header"
    case headerPrefix = "header_prefix"

    /// Which a scheme takes.
    static func keys(of scheme: String) -> [SignatureKey] {
        switch scheme {
        case "standard-webhooks": [.headerPrefix]
        case "stripe": [.header]
        case "github": [.header, .idHeader]
        case "payway": [.header, .precision]
        default: [.header, .algorithm, .encoding, .prefix, .signed, .timestampHeader, .timestampUnit, .idHeader]
        }
    }
}

/// The keys of one secret.
enum SecretKey: String, FileKeys {
    case file, credential
    case validFrom = "valid_from"
    case validUntil = "valid_until"
}

/// The keys of `event_id` where it is no word.
enum EventIDKey: String, FileKeys {
    case header, json
}

/// The keys of `answer`.
enum AnswerKey: String, FileKeys {
    case status, body
    case contentType = "content_type"
}

/// The keys of `rates`.
enum RatesKey: String, FileKeys {
    case source, address
}

/// The keys of one rate.
enum RateKey: String, FileKeys {
    case perSecond = "per_second"
    case burst
}

/// The keys of `payment`.
enum PaymentKey: String, FileKeys {
    case md5, account, amount, currency, authoritative
    case providerReference = "provider_reference"
    case billNumber = "bill_number"
    case paidWhen = "paid_when"
}
