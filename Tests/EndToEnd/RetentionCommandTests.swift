import Glibc
import Postgres
import TestSupport
import Testing

/// Retention as an operator sees it, from the shell to the database and back.
@Suite("Retention by command")
struct RetentionCommandTests {
    private static let policy = """
        version: 1
        retention:
          - { table: attempt_line, clock: at, keep: 90d, action: delete, legal_basis: operations, observe_days: 0, max_percent: 100 }

        """

    @Test(
        "A plan tells what would go and goes when somebody says so; holds are placed, listed and released, and a tenant's says what it leaves out; invoices cannot be named"
    )
    func all() async throws {
        try await House.with(Portfolio.empty) { house in
            let folder = "\(house.folder)/schedules/policies"
            mkdir(folder, 0o755)
            write(Self.policy, to: "\(folder)/retention.yaml")
            try await house.database.setUp(
                """
                select bursar.create_issuer('Mekong', 'Mekong Co., Ltd.');
                select bursar.create_tenant(1, 'T1', 'Tenant 1');
                insert into bursar.attempt_line (run_id, attempt, place, at, source, text)
                select -n, 1, 1, now() - interval '100 days', 'stdout', 'x' from generate_series(1, 30) as n
                """
            )
            let daemon = try house.daemon("a")
            try await daemon.ready()

            let placed = try await house.bursar("holds", "place", "--table", "attempt_line", "--reason", "a court asks")
            #expect(placed.status == 0 && placed.output.contains("legal hold 1"), "\(placed)")
            let listed = try await house.bursar("holds", "list")
            #expect(listed.output.contains("attempt_line") && listed.output.contains("a court asks"), "\(listed)")
            let released = try await house.bursar("holds", "release", "1", "--reason", "the court is done")
            #expect(released.status == 0, "\(released)")
            let ofTenant = try await house.bursar("holds", "place", "--tenant", "T1", "--reason", "a court asks")
            #expect(
                ofTenant.output.contains("legal hold 2\nit holds what is known to be the tenant's; bakong_call"),
                "\(ofTenant)"
            )
            let ended = try await house.bursar("holds", "release", "2", "--reason", "the court is done")
            #expect(ended.status == 0, "\(ended)")
            let help = try await house.bursar("holds", "place", "--help")
            #expect(help.output.contains("observation:7"), "\(help)")

            let plan = try await house.bursar("retention", "plan")
            #expect(plan.status == 75 && plan.output.contains("attempt_line"), "\(plan)")
            let proposal: Int64 = try await house.value("select max(id) from bursar.proposal where state = 'open'")
            #expect(plan.output.contains("bursar retention apply \(proposal)"), "\(plan)")
            let bare = try await house.bursar("retention", "apply", "\(proposal)")
            #expect(bare.status == 65, "\(bare)")
            let applied = try await house.bursar("retention", "apply", "\(proposal)", "--reason", "looked at it")
            #expect(applied.status == 0, "\(applied)")
            let run: Int64 = try await house.value("select run_id from bursar.proposal where id = \(proposal)")
            #expect(try await house.ended(run).state == "succeeded")
            #expect(try await house.value("select count(*) from bursar.attempt_line where run_id < 0") == Int64(0))
            let receipts = try await house.bursar("retention", "receipts")
            #expect(receipts.output.contains("attempt_line") && receipts.output.contains("30"), "\(receipts)")
            #expect(
                try await daemon.text("/metrics").contains("bursar_retention_lag_seconds{policy=\"attempt_line\"} 0")
            )
            #expect(try await daemon.text("/status").contains(#""retention":[{"#))
            // What a run has left is told until the next one has looked.
            try await house.query(
                "update bursar.retention_standing set rows_due = 5, due_since = now() - interval '3 days', why_left = 'locked'"
            )
            let status = try await daemon.text("/status")
            #expect(status.contains(#""rows_due":5"#) && status.contains(#""why_left":"locked""#), "\(status)")
            let metrics = try await daemon.text("/metrics")
            #expect(metrics.contains("bursar_retention_rows_due{policy=\"attempt_line\"} 5"), "\(metrics)")
            #expect(metrics.contains("bursar_retention_rows_dead{policy=\"attempt_line\"}"), "\(metrics)")
            let lag = try #require(
                metrics.firstMatch(of: /bursar_retention_lag_seconds\{policy="attempt_line"\} ([0-9.]+)/)?.1
            )
            #expect(abs((Double(lag) ?? 0) - 3 * 86_400) < 60)

            write(Self.policy.replacing("attempt_line", with: "invoice"), to: "\(folder)/retention.yaml")
            let checked = try await house.bursar("check", "\(folder)/retention.yaml")
            #expect(
                checked.status == 65
                    && checked.errors.contains("retention.yaml:3:14: invoice is a table of the ledger"),
                "\(checked)"
            )
            let reloaded = try await house.bursar("reload")
            #expect(reloaded.status == 65 && reloaded.errors.contains("never purged"), "\(reloaded)")
        }
    }

    @Test(
        "A plan names what is only observed, until when and how much it would be; a daemon raises the alarm though no run ends, and a hangup has it read its policies again"
    )
    func observed() async throws {
        try await House.with(Portfolio.empty) { house in
            let folder = "\(house.folder)/schedules/policies"
            mkdir(folder, 0o755)
            let observed = Self.policy.replacing("observe_days: 0", with: "observe_days: 14")
            write(observed, to: "\(folder)/retention.yaml")
            try await house.database.setUp(
                """
                insert into bursar.attempt_line (run_id, attempt, place, at, source, text)
                select -n, 1, 1, now() - interval '100 days', 'stdout', 'x' from generate_series(1, 30) as n;
                insert into bursar.retention_standing (table_name, policy_hash, counted_at, rows_due, rows_held, oldest_due, due_since)
                values ('attempt_line', 'x', now() - interval '3 days', 30, 0, now() - interval '93 days', now() - interval '3 days');
                """
            )
            let daemon = try house.daemon("a")
            try await daemon.ready()
            try await waitUntil("the daemon has told how late the table is") {
                try await house.value(
                    "select count(*) from bursar.alarm where key = 'retention:attempt_line' and cleared_at is null"
                )
                    == Int64(1)
            }

            let plan = try await house.bursar("retention", "plan", "--table", "attempt_line")
            #expect(plan.status == 0 && plan.output.contains("nothing is past its cutoff that may go yet"), "\(plan)")
            #expect(
                plan.output.contains(/attempt_line is only counted until \d{4}-.*: a purge would take 30 rows/),
                "\(plan)"
            )
            #expect(try await house.value("select count(*) from bursar.attempt_line where run_id < 0") == Int64(30))

            write(Self.policy.replacing("attempt_line", with: "invoice"), to: "\(folder)/retention.yaml")
            daemon.process.signal(SIGHUP)
            try await waitUntil("the daemon has read its policies again") {
                daemon.process.said.contains("the retention policies here are not in force")
            }
            #expect(try await daemon.text("/readyz?verbose").contains("[-]retention policies failed"))
        }
    }
}
