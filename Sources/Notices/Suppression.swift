package import CivilTime
package import Postgres

/// Addresses that are not written to any more, by hash, for one tenant or for all of them; with the reason, the
/// evidence and the time at which it is over.
///
/// `bursar.suppressed_for` asks, and what sends asks it again before each send.
package enum Suppression {
    package enum Reason: String, Codable, CaseIterable, Sendable {
        case hardBounce = "hard_bounce"
        case softBounces = "soft_bounces"
        case complaint, blocked, manual
    }

    /// An address as it is known without its text.
    package struct Address: Hashable, Sendable {
        package var tenant: Int64
        package var channel: NoticeChannel
        package var hash: [UInt8]

        package init(tenant: Int64, channel: NoticeChannel, hash: [UInt8]) {
            self.tenant = tenant
            self.channel = channel
            self.hash = hash
        }
    }

    /// Suppresses an address until somebody releases it, or until an instant; with the role `bursar_app`, the tenant named.
    ///
    /// The source is who said so: `smtp`, `dsn`, `telegram`; the evidence what was said, without addresses.
    package static func place(
        _ address: Address,
        _ reason: Reason,
        source: String,
        evidence: String,
        until: Instant? = nil,
        at moment: Instant,
        in transaction: Transaction
    ) async throws {
        try await transaction.query(
            placing,
            address.tenant,
            address.channel.rawValue,
            address.hash,
            reason.rawValue,
            source,
            evidence,
            until,
            moment
        )
    }

    /// Counts a message that an address did not take for now, once a message however often it is said: the fifth within 14 days
    /// suppresses the address for 30.
    ///
    /// - Returns: whether it is suppressed by it.
    @discardableResult
    package static func countSoftBounce(
        of address: Address,
        message: Int64,
        source: String,
        evidence: String,
        at moment: Instant,
        in transaction: Transaction
    ) async throws -> Bool {
        let rows = try await transaction.query(
            counting,
            address.tenant,
            address.channel.rawValue,
            address.hash,
            message,
            source,
            evidence,
            moment
        )
        return try rows.first?.get("is_suppressed") ?? false
    }

    /// A message has arrived: soft bounces count no more.
    ///
    /// For channels where the next hop's word is the recipient's, such as Telegram; a mail relay's acceptance says
    /// nothing of the mailbox.
    package static func clearSoftBounces(
        of address: Address,
        at moment: Instant,
        in transaction: Transaction
    ) async throws {
        try await transaction.query(clearing, address.tenant, address.channel.rawValue, address.hash, moment)
    }

    /// Why an address is not written to at an instant; nil where it may be.
    package static func reason(
        for address: Address,
        at moment: Instant,
        in transaction: Transaction
    ) async throws -> Reason? {
        let rows = try await transaction.query(asking, address.tenant, address.channel.rawValue, address.hash, moment)
        return try rows.first?.get("reason", as: String?.self).flatMap(Reason.init(rawValue:))
    }

    private static let placing = Statement(
        "notices.suppress",
        "select bursar.suppress($1::bigint, $2, $3::bytea, $4, $5, $6, $7::timestamptz, $8::timestamptz)"
    )

    private static let counting = Statement(
        "notices.soft_bounced",
        "select bursar.soft_bounced($1::bigint, $2, $3::bytea, $4::bigint, $5, $6, $7::timestamptz) as is_suppressed"
    )

    private static let clearing = Statement(
        "notices.address_answered",
        "select bursar.address_answered($1::bigint, $2, $3::bytea, $4::timestamptz)"
    )

    private static let asking = Statement(
        "notices.suppressed_for",
        "select bursar.suppressed_for($1::bigint, $2, $3::bytea, $4::timestamptz) as reason"
    )

    package static let all = [placing, counting, clearing, asking]
}
