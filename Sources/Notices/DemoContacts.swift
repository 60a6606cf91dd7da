package import Postgres

/// Addresses for the customers of a demonstration: most by mail, some on Telegram or by SMS too, a few without any.
///
/// All of them are of domains and numbers that belong to nobody.
package enum DemoContacts {
    /// Gives the demonstration's customers their addresses, where they have none.
    ///
    /// - Returns: how many addresses there are now that were not there.
    package static func load(in transaction: Transaction) async throws -> Int {
        try await transaction.execute(DemoContactStatements.load)
    }
}

/// The statements of the demonstration's addresses.
package enum DemoContactStatements {
    static let load = Statement(
        "notices.demo_contacts",
        """
        insert into bursar.payer_address (tenant_id, channel, address, hash)
        select t.id, a.channel, a.address, bursar.address_hash(a.channel, a.address)
        from bursar.tenant t
        cross join lateral (
            values
                ('email', 'billing@tenant-' || t.id || '.example', t.id % 20 <> 0),
                ('telegram', (700000000 + t.id)::text, t.id % 4 = 0),
                ('sms', '+85500' || lpad(t.id::text, 6, '0'), t.id % 7 = 0)
        ) as a (channel, address, has)
        where a.has and (select demo from bursar.installation)
        on conflict do nothing
        """
    )

    package static let all = [load]
}
