internal import CivilTime
internal import Monetary
internal import Postgres

extension BakongAnswer {
    /// What a single lookup says; `hash` is the one that was asked for, where it was one.
    func finding(askedFor hash: String? = nil) throws(BakongFault) -> BakongFinding {
        switch errorCode {
        case 1: return .notFound
        case 2: return .staticQR
        case 3: return .failed
        case nil: break
        case let code?: throw .needsPerson(errorCode: code)
        }
        guard let data else { throw .unknownShape("success without data") }
        let transaction = try BakongTransaction(data)
        if let hash, transaction.hash != BakongKeyKind.normal(hash) { throw .otherKey }
        return .found(transaction)
    }

    /// What a batch says, by the key that each item repeats and never by position.
    ///
    /// Keys that no item repeats are missing.
    func findings(_ kind: BakongKeyKind, asked: Set<String>) throws(BakongFault) -> [String: BakongFinding] {
        guard errorCode == nil else {
            throw .unknownShape("errorCode \(errorCode ?? 0) for a batch")
        }
        guard let items = (data ?? body).list else { throw .unknownShape("a batch without a list") }
        var findings: [String: BakongFinding] = [:]
        for item in items {
            guard let key = Self.key(of: item, kind), asked.contains(key) else { continue }
            let finding = Self.finding(in: item, kind, key)
            if let earlier = findings[key], earlier != finding {
                findings[key] = .unknown(.unknownShape("two items about one key that differ"))
            } else {
                findings[key] = finding
            }
        }
        return findings
    }

    private static func key(of item: ExactJSON, _ kind: BakongKeyKind) -> String? {
        let echo = item[kind.name]?.words ?? (kind == .hash ? payload(of: item)[kind.name]?.words : nil)
        return echo.map(BakongKeyKind.normal)
    }

    /// `data`, else `transaction`, else the item itself.
    private static func payload(of item: ExactJSON) -> ExactJSON { item["data"] ?? item["transaction"] ?? item }

    private static func finding(in item: ExactJSON, _ kind: BakongKeyKind, _ key: String) -> BakongFinding {
        do throws(BakongFault) {
            switch item["status"]?.words?.uppercased() {
            case "NOT_FOUND": return .notFound
            case "STATIC_QR": return .staticQR
            case "FAILED": return .failed
            case "SUCCESS", nil: break
            case let word?: throw .unknownShape("an item with status \(word.asWord)")
            }
            let transaction = try BakongTransaction(payload(of: item))
            if kind == .hash, transaction.hash != key { throw .otherKey }
            return .found(transaction)
        } catch {
            return .unknown(error)
        }
    }
}

extension BakongTransaction {
    /// - Throws: there is no hash, or a status beside it that is no success, as relays have it.
    init(_ data: ExactJSON) throws(BakongFault) {
        guard data.isObject else { throw .unknownShape("a transaction that is no object") }
        guard let hash = data["hash"]?.words.map(BakongKeyKind.normal), BakongKeyKind.hash.fault(of: hash) == nil else {
            throw .unknownShape("a transaction without a hash")
        }
        if let status = data["status"]?.words, status.uppercased() != "SUCCESS" {
            throw .unknownShape("a transaction with status \(status.asWord)")
        }
        self.hash = hash
        fromAccount = data["fromAccountId"]?.words
        toAccount = data["toAccountId"]?.words
        let currencyText = data["currency"]?.words
        currency = currencyText.flatMap { Currency(code: $0.uppercased()) }
        amount = BakongAmount(data["amount"]?.words, currency, currencyText: currencyText)
        createdAt = Instant(bakongMilliseconds: data["createdDateMs"]?.words)
        acknowledgedAt = Instant(bakongMilliseconds: data["acknowledgedDateMs"]?.words)
        externalRef = data["externalRef"]?.words
        instructionRef = data["instructionRef"]?.words
        description = data["description"]?.words
        trackingStatus = data["trackingStatus"]?.words.map { BakongTracking($0) }
        receiverBank = data["receiverBank"]?.words
        receiverBankAccount = data["receiverBankAccount"]?.words
        raw = JSONText(data.storableText)
    }
}

extension String {
    /// What may be shown of a text that should be a word and comes from outside.
    fileprivate var asWord: String { String(filter { $0.isLetter || $0 == "_" }.prefix(24)) }
}
