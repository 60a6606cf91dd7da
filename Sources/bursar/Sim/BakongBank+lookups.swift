import Monetary
import Schedules

extension BakongBank.State {
    private static let found = "Getting transaction successfully."

    /// A static QR stays "not found" here, as it was seen to.
    mutating func byMD5(_ md5: String) -> SimAnswer {
        if failedMD5s.contains(md5) { return .envelope(3, "Transaction failed.") }
        guard let place = place(ofMD5: md5) else { return .notFound }
        return .envelope(nil, Self.found, transaction(payments[place], isTracked: false))
    }

    func byHash(_ hash: String) -> SimAnswer {
        guard let place = byHash[hash] else { return .notFound }
        return .envelope(nil, Self.found, transaction(payments[place], isTracked: true))
    }

    func first(where matches: (SimPayment) -> Bool) -> SimAnswer {
        guard let payment = payments.first(where: matches) else { return .notFound }
        return .envelope(nil, Self.found, transaction(payment, isTracked: false))
    }

    /// By the first eight digits of the hash, amount and currency; nil where one of them is missing.
    func byShortHash(_ question: JSONValue) -> SimAnswer? {
        guard let hash = question.text("hash"), hash.count == 8, let code = question.text("currency"),
            let currency = Currency(code: code), case .object(let members) = question, let amount = members["amount"]
        else { return nil }
        let units: Int64? =
            switch amount {
            case .integer(let value): value &* currency.minorUnitsPerUnit
            case .number(let value): Int64(exactly: (value * Double(currency.minorUnitsPerUnit)).rounded())
            default: nil
            }
        guard let units else { return nil }
        return first { $0.hash.hasPrefix(hash) && $0.amount == Money(minorUnits: units, currency: currency) }
    }

    /// A batch: nil where the body is no list of up to 50 texts.
    mutating func list(_ question: JSONValue, _ key: String, _ call: String) -> SimAnswer? {
        guard case .list(let values) = question, values.count <= 50 else { return nil }
        var items: [(key: String, json: String)] = []
        for value in values {
            guard case .text(let text) = value else { return nil }
            if script.strikes(.listOmits, "\(call)/\(text)") { continue }
            items.append((text, item(text, key, call)))
        }
        if script.strikes(.listShuffled, call) {
            let seed = script[.seed]
            items.sort { SimDice.number(seed: seed, call + $0.key) < SimDice.number(seed: seed, call + $1.key) }
        }
        return .envelope(nil, "Getting transactions successfully.", SimJSON.list(items.map(\.json)))
    }

    private mutating func item(_ text: String, _ key: String, _ call: String) -> String {
        var status = "NOT_FOUND"
        var payment: SimPayment?
        if key == "md5", staticMD5s.contains(text) {
            status = "STATIC_QR"
        } else if key == "hash" {
            payment = byHash[text].map { payments[$0] }
        } else {
            payment = place(ofMD5: text).map { payments[$0] }
        }
        if payment != nil { status = "SUCCESS" }
        let data = payment.map { transaction($0, isTracked: key == "hash") } ?? "null"
        let head = [(key, SimJSON.text(text)), ("status", SimJSON.text(status))]
        if payment != nil, script.strikes(.listFlat, call) {
            let own = key == "hash" ? SimJSON.object([head[1]]) : SimJSON.object(head)
            return own.dropLast() + "," + data.dropFirst()
        }
        let name = script.strikes(.listNamesTransaction, call) ? "transaction" : "data"
        return SimJSON.object(head + [("message", SimJSON.text(status.lowercased())), (name, data)])
    }

    /// The first payment of a QR, where the md5 finds it at all.
    private mutating func place(ofMD5 md5: String) -> Int? {
        guard let place = byMD5[md5]?.first, !script.strikes(.hashOnly, payments[place].die) else { return nil }
        payments[place].lookups += 1
        if script.strikes(.foundLate, payments[place].die), payments[place].lookups <= 3 { return nil }
        return place
    }

    private func transaction(_ payment: SimPayment, isTracked: Bool) -> String {
        let fraction = script.strikes(.fractionalTimes, payment.die) ? ".2" : ""
        let tracking = payment.isRefunded ? "REFUNDED_BY_RECEIVER" : "ACKNOWLEDGED_BY_FI"
        var members = [
            ("hash", SimJSON.text(payment.hash)), ("fromAccountId", SimJSON.text(payment.fromAccount)),
            ("toAccountId", SimJSON.text(payment.toAccount)), ("currency", SimJSON.text(payment.amount.currency.code)),
            ("amount", amount(payment)), ("description", SimJSON.text(payment.description)),
            ("createdDateMs", "\(payment.createdAt)\(fraction)"),
            ("acknowledgedDateMs", "\(payment.createdAt &+ 1_500)\(fraction)"),
            ("trackingStatus", isTracked ? SimJSON.text(tracking) : "null"),
            ("receiverBank", isTracked ? SimJSON.text("Simulated Bank") : "null"),
            ("receiverBankAccount", isTracked ? SimJSON.text("xxxxx678") : "null"),
            ("instructionRef", SimJSON.text(payment.instructionRef)),
            ("externalRef", SimJSON.text(payment.externalRef)),
        ]
        if !isTracked { members.removeAll { $0.0.hasPrefix("receiver") } }
        return SimJSON.object(members)
    }

    /// As a number with one decimal place at least, or as text.
    private func amount(_ payment: SimPayment) -> String {
        let text = payment.amount.plainText
        if script.strikes(.amountAsText, payment.die) { return SimJSON.text(text) }
        return text.contains(".") ? text : text + ".0"
    }
}
