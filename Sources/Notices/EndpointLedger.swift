package import Postgres

/// What is known of a tenant's endpoint.
package enum EndpointStanding: Equatable, Sendable {
    /// It may be written to, signed with each of these secrets; the newest first.
    case open(secrets: [HiddenText])
    /// Nobody has made a secret for it.
    case unknown
    /// It is written to no more, and why.
    case disabled(String)
}

/// How a post to an endpoint ended, as far as the endpoint is concerned.
package enum EndpointEnd: String, Sendable {
    case taken
    case failed
    /// It said that it is gone for good.
    case gone
}

/// Keeps the endpoints of tenants, their secrets and how they fare.
package protocol EndpointLedger: Sendable {
    func standing(of url: String, tenant: Int64) async throws -> EndpointStanding
    /// Notes how a post ended, and disables an endpoint that is gone or did nothing but fail for so long.
    func note(_ end: EndpointEnd, of url: String, tenant: Int64, disableAfter: Duration) async throws
}

/// The endpoints in the database.
package struct StoredEndpoints: EndpointLedger {
    private let database: PostgresPool

    package init(database: PostgresPool) { self.database = database }

    package func standing(of url: String, tenant: Int64) async throws -> EndpointStanding {
        let rows = try await database.withTransaction(options(tenant)) { transaction in
            try await transaction.query(EndpointStatements.standing, tenant, url)
        }
        guard let first = rows.first else { return .unknown }
        if let why = try first.get("disabled_why", as: String?.self) { return .disabled(why) }
        let secrets = try rows.compactMap { try $0.get("secret", as: String?.self).map { HiddenText($0) } }
        return secrets.isEmpty ? .unknown : .open(secrets: secrets)
    }

    package func note(_ end: EndpointEnd, of url: String, tenant: Int64, disableAfter: Duration) async throws {
        _ = try await database.withTransaction(options(tenant)) { transaction in
            try await transaction.execute(EndpointStatements.note, tenant, url, end.rawValue, disableAfter)
        }
    }

    private func options(_ tenant: Int64) -> TransactionOptions {
        TransactionOptions(role: "bursar_app", tenants: [tenant])
    }
}
