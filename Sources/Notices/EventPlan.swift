package import CivilTime
internal import JobKit
package import Postgres

/// An event that somebody is to be told of, and was not yet.
package struct UnnoticedEvent: Equatable, Sendable {
    /// 0 where it belongs to no tenant.
    package let tenant: Int64
    package let event: Int64

    /// The oldest ones, over all tenants.
    package static func waiting(limit: Int, in transaction: Transaction) async throws -> [UnnoticedEvent] {
        try await transaction.query(PlanningStatements.unnoticed, limit).map { row in
            UnnoticedEvent(tenant: try row.integer(0), event: try row.integer(1))
        }
    }

    /// Plans the notices of these events by the catalogue; the same event a second time plans nothing more.
    ///
    /// - Returns: how many notices each state got.
    package static func tell(
        _ events: [UnnoticedEvent],
        asOf: Instant,
        in transaction: Transaction
    ) async throws -> [String: Int] {
        let rows = try await transaction.query(
            PlanningStatements.tell,
            events.map(\.tenant),
            events.map(\.event),
            try JSONText(encoding: NoticeCatalogue.rows),
            asOf
        )
        return try rows.reduce(into: [:]) {
            $0[try $1.get("state", as: String.self)] = try $1.get("count", as: Int.self)
        }
    }
}

extension NoticeCatalogue {
    /// The catalogue of events as the statement reads it: for tenants, and for what belongs to none.
    fileprivate static let rows: [EventRow] = tellings.sorted { $0.key < $1.key }
        .flatMap { kind, telling -> [EventRow] in
            guard case .category(let name) = telling, let told = category(named: name),
                let house = category(named: "operations")
            else { return [] }
            return [EventRow(kind, told, house: false), EventRow(kind, house, house: true)]
        }

    fileprivate struct EventRow: Encodable {
        let kind: String
        let house: Bool
        let category: String
        let `class`: String
        let guarantee: String
        let ladder: [String]
        let validSeconds: Int64

        init(_ kind: String, _ told: Category, house: Bool) {
            self.kind = kind
            self.house = house
            category = told.name
            self.class = told.class.rawValue
            guarantee = told.guarantee.rawValue
            ladder = told.ladder.map(\.rawValue)
            validSeconds = told.validFor.components.seconds
        }

        private enum CodingKeys: String, CodingKey {
            case kind, house, category, guarantee, ladder
            case `class`
            case validSeconds = "valid_seconds"
        }
    }
}
