import Glibc
import Outbound
import Postgres
import TestSupport
import Testing

@Suite("A standby that is promoted", .enabled(if: getenv("BURSAR_REAL") != nil))
struct PromotionRealTests {
    @Test("Without lost commits both nodes go on by themselves on the new primary, and the books are right")
    func nothingLost() async throws {
        try await withStandby { house, standby in
            try await house.query("alter system set synchronous_standby_names = '*'")
            try await house.query("select pg_reload_conf()")
            try await waitUntil("every commit waits for the standby") {
                try await house.list("select sync_state from pg_stat_replication") == ["sync"]
            }
            let trap = Trap(Strike(statement: "billing.due_subscriptions", occurrence: 3, moment: .before), signal: 0)
            let proxy = try PostgresProxy(house, trap)
            let url = house.url(over: proxy.directory, standby)
            let first = try house.daemon("a", url: url)
            try await first.ready()
            trap.aim(at: first.process)
            let run = try await house.askForRenewals()
            _ = try await trap.sprung.told("the third chunk began")
            let second = try house.daemon("b", url: url)
            try await house.database.cluster.stop(.immediate)
            // A server that is gone takes no connections; one that takes them and says nothing would keep libpq from the next.
            proxy.stop()
            try await standby.promote()

            try await House.with(house.database.on(standby)) { after in
                let row = try await after.ended(run)
                #expect(row.state == "succeeded", "\(row)\n\(first.process.said.suffix(3000))")
                for daemon in [first, second] { try await daemon.ready() }
                #expect(try await after.value("select count(*) from bursar.quarantine", as: Int.self) == 0)
                try await Ledger.expectSound(after, run: run)
                // The new one's word counts from here on: a run asked for now is worked.
                let next = try await after.askForRenewals()
                #expect(try await after.ended(next).state == "succeeded")
            }
        }
    }

    @Test("With lost commits no node claims or fires until a person lifts the quarantine, and then under higher fences")
    func commitsLost() async throws {
        try await withStandby { house, standby in
            let url = house.url(over: house.database.cluster.settings.socketDirectory, standby)
            let first = try house.daemon("a", url: url)
            try await first.ready()
            // What the standby has by now is all that it will ever have.
            try await House.with(house.database.on(standby)) { behind in
                try await behind.query("alter system set primary_conninfo = ''")
                try await behind.query("select pg_reload_conf()")
            }
            try await waitUntil("the standby is cut off") {
                try await house.value("select count(*) from pg_stat_replication", as: Int.self) == 0
            }
            let lost = try await house.askForRenewals()
            #expect(try await house.ended(lost).state == "succeeded")
            let fence: Int64 = try await house.value("select max(fence) from bursar.attempt")
            try await house.database.cluster.stop(.immediate)
            try await standby.promote()
            try await House.with(house.database.on(standby)) { after in
                try await expectStandstill(first, house, after)
                let second = try house.daemon("b", url: url)
                let run = try await after.askForRenewals()
                try await waitUntil("a node that saw nothing of it stands still too") {
                    (try? await second.text("/readyz?verbose"))?.contains("[-]quarantine") ?? false
                }
                #expect(try await after.run(run).attempts == 0)
                let lifted = try await house.bursar("nodes", "quarantine", "lift", "--reason", "invoices compared")
                #expect(lifted.status == 0, "\(lifted)")
                let row = try await after.ended(run)
                #expect(row.state == "succeeded", "\(row)")
                let higher: Int64 = try await after.value("select min(fence) from bursar.attempt where run_id = \(run)")
                #expect(higher > fence)
                for daemon in [first, second] { try await daemon.ready() }
                try await Ledger.expectSound(after, run: run)
            }
        }
    }

    private func expectStandstill(_ daemon: Daemon, _ house: House, _ after: House) async throws {
        try await waitUntil("the node says that a past is gone", within: .seconds(30)) {
            (try? await daemon.text("/readyz?verbose"))?.contains("[-]quarantine") ?? false
        }
        #expect(await daemon.readiness() == 503)
        #expect(try await daemon.get("/livez").status == 200)
        #expect(try await daemon.text("/status").contains("has lost what it had committed"))
        try await waitUntil("there is one alarm") {
            try await after.list("select kind from bursar.alarm where cleared_at is null") == ["quarantine"]
        }
    }

    /// A primary with a renewable portfolio, and a standby that has caught up with it.
    private func withStandby(_ body: (House, PrivateCluster) async throws -> Void) async throws {
        let primary = try await TestCluster.separate("primary")
        let database = try await TestDatabase.made(by: Portfolio.renewable, in: primary)
        let standby = try await TestCluster.standby(of: primary)
        try await House.with(database) { house in
            try await waitUntil("the standby follows") {
                try await house.list(
                    "select state from pg_stat_replication where replay_lsn >= pg_current_wal_lsn()"
                ) == ["streaming"]
            }
            try await body(house, standby)
        }
        try await primary.destroy()
        try await standby.destroy()
    }
}

extension House {
    /// A URL that leads to whichever of two servers takes writes.
    fileprivate func url(over first: String, _ second: PrivateCluster) -> String {
        let hosts = "\(first),\(second.settings.socketDirectory)"
        return "postgresql://bursar@/\(database.name)?host=\(hosts)&port=5432,5432&target_session_attrs=read-write"
    }
}
