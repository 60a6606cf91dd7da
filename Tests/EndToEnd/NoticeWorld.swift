import Postgres
import TestSupport
import Testing

/// A small house that owes nobody silence: tenants with an address and one invoice each, of which some are just late and the
/// others get their final notice.
enum NoticeWorld {
    /// The local morning at which the late ones are one day late and the others six.
    static let morning = "2026-03-14 09:30"

    /// Tenants 1 to `late` and then `last` more, and nothing that the issuing would tell.
    static func build(_ house: House, late: Int, last: Int) async throws {
        var lines = [
            """
            update bursar.installation set environment = 'development',
                business_offset = timestamp '2026-03-01 00:10' at time zone 'Asia/Phnom_Penh' - clock_timestamp();
            select bursar.create_issuer('Mekong', 'Mekong Co., Ltd.', policy => '{"tax_rate_basis_points": 1000, "net_days": 7}');
            select bursar.create_plan_version(1, 'plan', '[{"code": "a", "description": "A", "unit_amount": 40000}]', 'KHR', unit => 'year');
            """, DunningPlay.tools,
        ]
        for tenant in 1...late + last {
            let start = tenant <= late ? "2026-03-06" : "2026-03-01"
            lines.append(
                """
                select bursar.create_tenant(1, 'T\(tenant)', 'Tenant \(tenant)', locale => 'en');
                select bursar.put_contact(\(tenant), 'email', 'payer\(tenant)@example.test');
                select bursar.subscribe(\(tenant), 'S\(tenant)', 'plan', '[{"price": "a"}]', starts_on => '\(start)');
                """
            )
        }
        try await house.database.setUp(lines.joined(separator: "\n"))
        for day in ["2026-03-01 00:20", "2026-03-06 00:20"] {
            try await house.setClock(day)
            let renewed = try await house.bursar("run", "renewals", "--here")
            #expect(renewed.status == 0, "\(renewed)")
        }
        try await house.database.setUp("delete from bursar.event_unnoticed")
    }
}

extension House {
    /// Puts business time to a local instant of Phnom Penh.
    func setClock(_ local: String) async throws {
        try await query(
            """
            update bursar.installation
            set business_offset = timestamp '\(local)' at time zone 'Asia/Phnom_Penh' - clock_timestamp()
            """
        )
    }

    /// Puts business time forward to a local instant, and runs jobs one after the other, each to its end.
    func work(_ local: String, _ jobs: String...) async throws {
        let list = jobs.map { "'\($0)'" }.joined(separator: ", ")
        try await query("call play.step(timestamp '\(local)' at time zone 'Asia/Phnom_Penh', true, array[\(list)])")
    }

    /// A daemon that keeps its notices in the house's folder, with a short lease.
    func noticeDaemon(_ name: String = "a", settings: [String: String] = [:]) async throws -> Daemon {
        let places = ["BURSAR_NOTICES_FOLDER": "\(folder)/notices", "BURSAR_NODE_LEASE": "1s"]
        let daemon = try daemon(name, settings: places.merging(settings) { $1 })
        try await daemon.ready()
        return daemon
    }
}
