package import Payments

/// Where in a source's bodies stands what a payment is looked up by.
package struct PaymentMapping: Sendable, Equatable {
    /// A place in the body and the words that it must have there.
    package struct Condition: Sendable, Equatable {
        package var path: String
        package var words: [String]

        package init(path: String, words: [String]) {
            self.path = path
            self.words = words
        }
    }

    package var md5: String?
    package var providerReference: String?
    package var billNumber: String?
    package var account: String?
    package var amount: String?
    package var currency: String?
    /// When all of these hold the sender says that the money is there; with none, every post says so.
    package var paidWhen: [Condition] = []
    /// Whether the source settles without a lookup of our own.
    package var isAuthoritative = false

    package init() {}

    /// What a stored body says; nil where it is no JSON, or has none of the keys by which a payment is found.
    package func hint(source: String, event: Int64, body: [UInt8]) -> CallbackHint? {
        guard let body = PostBody(body) else { return nil }
        func words(_ path: String?) -> String? {
            guard let path, let words = body.at(path)?.words, !words.isEmpty, words.utf8.count <= 255 else {
                return nil
            }
            return words
        }
        let hint = CallbackHint(
            source: source,
            event: event,
            md5: words(md5).map { $0.lowercased() },
            providerReference: words(providerReference),
            billNumber: words(billNumber),
            account: words(account),
            amount: words(amount),
            currency: words(currency).map { $0.uppercased() },
            saysPaid: paidWhen.allSatisfy { condition in
                body.at(condition.path)?.words.map { condition.words.contains($0) } ?? false
            },
            isAuthoritative: isAuthoritative
        )
        let hasKey = [hint.md5, hint.providerReference, hint.billNumber].contains { $0 != nil }
        return hasKey ? hint : nil
    }
}
