package import Monetary
internal import Postgres

extension Renewal {
    /// What a run would issue, and whether that is more than an issuer lets happen without a person.
    package struct Forecast: Equatable, Sendable {
        package private(set) var invoices = 0
        package private(set) var totals = MoneyTotals()
        /// Two forecasts of the same invoices have the same digest.
        package private(set) var digest = ""
        private var excesses: [String] = []
        private var invoicesOfIssuer: [Int64: Int] = [:]

        package init() {}

        /// Why a person must approve this first, in words; nil where the limits of the issuers' policies are kept.
        package var excess: String? { excesses.isEmpty ? nil : excesses.joined(separator: "; ") }

        mutating func add(_ row: Row) throws {
            let issuer: Int64 = try row.get("issuer_id")
            let name: String = try row.get("name")
            let count: Int = try row.get("invoices")
            let total = try Money(minorUnits: row.get("total"), currency: Currency(known: row.get("currency")))
            invoices += count
            try totals.add(total)
            digest += (digest.isEmpty ? "" : "-") + (try row.get("digest", as: String.self))
            invoicesOfIssuer[issuer, default: 0] += count
            if let limit = try row.get("approve_above_invoices", as: Int?.self),
                let made = invoicesOfIssuer[issuer], made > limit
            {
                excesses.append("\(name) would send \(made) invoices, over its limit of \(limit)")
            }
            if let limit = try row.get("approve_above_total", as: Int64?.self), total.minorUnits > limit {
                let most = Money(minorUnits: limit, currency: total.currency)
                excesses.append("\(name) would invoice \(total), over its limit of \(most)")
            }
        }
    }
}

extension Currency {
    /// A currency that the database has accepted.
    init(known code: String) throws(MoneyError) {
        guard let currency = Currency(code: code) else { throw .unknownCurrency(code) }
        self = currency
    }
}
