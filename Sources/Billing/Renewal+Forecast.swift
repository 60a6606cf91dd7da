package import Monetary
internal import Postgres

extension Renewal {
    /// What a run would issue, and whether that is more than an issuer lets happen without a person.
    package struct Forecast: Equatable, Sendable {
        /// In how many parts it is read, side by side.
        package static let parts = 2

        package private(set) var invoices = 0
        package private(set) var totals = MoneyTotals()
        /// Two forecasts of the same invoices have the same digest.
        package private(set) var digest = ""
        /// Why a person must approve this first, in words; nil where the limits of the issuers' policies are kept.
        package private(set) var excess: String?

        /// Puts the shares of all parts together.
        package init(of parts: [[Share]]) throws(MoneyError) {
            var shares: [Share.Key: Share] = [:]
            for share in parts.joined() {
                if let known = shares[share.key] {
                    shares[share.key] = try known.joined(by: share)
                } else {
                    shares[share.key] = share
                }
            }
            let sorted = shares.values.sorted { $0.key < $1.key }
            for share in sorted {
                invoices += share.invoices
                try totals.add(share.total)
            }
            digest = sorted.map(\.digest).joined(separator: "-")
            let excesses = Self.excesses(sorted)
            excess = excesses.isEmpty ? nil : excesses.joined(separator: "; ")
        }

        private static func excesses(_ shares: [Share]) -> [String] {
            var excesses: [String] = []
            var counts: [Int64: Int] = [:]
            for share in shares { counts[share.key.issuer, default: 0] += share.invoices }
            for share in shares {
                // Told once an issuer, though it may have a share a currency.
                if let made = counts.removeValue(forKey: share.key.issuer), let limit = share.invoiceLimit, made > limit
                {
                    excesses.append("\(share.name) would send \(made) invoices, over its limit of \(limit)")
                }
                if let limit = share.totalLimit, share.total.minorUnits > limit {
                    let most = Money(minorUnits: limit, currency: share.total.currency)
                    excesses.append("\(share.name) would invoice \(share.total), over its limit of \(most)")
                }
            }
            return excesses
        }
    }
}

extension Renewal.Forecast {
    /// What one issuer would invoice in one currency, and its limits.
    package struct Share: Equatable, Sendable {
        struct Key: Hashable, Comparable, Sendable {
            let issuer: Int64
            let currency: String

            static func < (one: Key, other: Key) -> Bool {
                (one.issuer, one.currency) < (other.issuer, other.currency)
            }
        }

        let key: Key
        let name: String
        var invoices: Int
        var total: Money
        var digest: String
        let invoiceLimit: Int?
        /// Minor units of the total's currency.
        let totalLimit: Int64?

        init(_ row: Row) throws {
            key = Key(issuer: try row.get("issuer_id"), currency: try row.get("currency"))
            name = try row.get("name")
            invoices = try row.get("invoices")
            total = try Money(minorUnits: row.get("total"), currency: Currency(known: key.currency))
            digest = try row.get("digest")
            invoiceLimit = try row.get("approve_above_invoices")
            totalLimit = try row.get("approve_above_total")
        }

        func joined(by other: Share) throws(MoneyError) -> Share {
            var sum = self
            sum.invoices += other.invoices
            sum.total = try total + other.total
            sum.digest += "+" + other.digest
            return sum
        }
    }
}

extension Currency {
    /// A currency that the database has accepted.
    package init(known code: String) throws(MoneyError) {
        guard let currency = Currency(code: code) else { throw .unknownCurrency(code) }
        self = currency
    }
}
