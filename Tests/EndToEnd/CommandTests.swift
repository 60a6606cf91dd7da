import Glibc
import Outbound
import Postgres
import TestSupport
import Testing

@Suite("Commands and what they answer")
struct CommandTests {
    @Test("`bursar dev run --once` prints what it issued and that the books hold; a second time it issues nothing")
    func onceAndAgain() async throws {
        try await House.with(Portfolio.empty) { house in
            let settings = [
                "BURSAR_DATABASE_URL": "", "BURSAR_OPERATOR_SOCKET": "",
                "BURSAR_SCHEDULES": "\(Program.project)/schedules",
                "BURSAR_DEV_DIRECTORY": "\(house.folder)/dev",
            ]
            do {
                let first = try await house.bursar(
                    "dev",
                    "run",
                    "--once",
                    "--tenants",
                    "100",
                    settings: settings,
                    within: .seconds(180)
                )
                #expect(first.status == 0, "\(first)")
                let issued = try #require(first.output.firstMatch(of: /invoices issued: (\d+)/), "\(first)")
                #expect((Int(issued.1) ?? 0) > 50, "\(first)")
                #expect(first.output.contains(/totals: .*KHR [\d,]+.*USD [\d,.]+/), "\(first)")
                #expect(first.output.contains(/time taken: \d+\.\d\d s/), "\(first)")
                #expect(first.output.contains("verify: every invariant holds"), "\(first)")

                let second = try await house.bursar(
                    "dev",
                    "run",
                    "--once",
                    "--tenants",
                    "100",
                    settings: settings,
                    within: .seconds(180)
                )
                #expect(second.status == 0, "\(second)")
                #expect(second.output.contains("invoices issued: 0\n"), "\(second)")
                #expect(second.output.contains("verify: every invariant holds"), "\(second)")
            } catch {
                _ = try? await house.bursar("dev", "down", settings: settings)
                throw error
            }
            try await removeServer(house, settings)
        }
    }

    /// As root the private server does not lie in the wanted folder, which the server's user could not enter.
    private func removeServer(_ house: House, _ settings: [String: String]) async throws {
        let up = try await house.bursar("dev", "up", "--json", settings: settings)
        let down = try await house.bursar("dev", "down", settings: settings)
        #expect(down.status == 0, "\(down)")
        let directory = try #require(up.output.firstMatch(of: /"directory":"([^"]+)"/), "\(up)").1
        let socket = try #require(up.output.firstMatch(of: /host=([^&"]+)/), "\(up)").1
        for folder in [directory, socket] where folder.hasPrefix("/var/tmp/bursar-") || folder.hasPrefix("/tmp/b") {
            let removal = try ChildProcess(
                "rm",
                ["-rf", String(folder)],
                environment: Program.environment,
                folder: "/",
                output: "/dev/null",
                errors: "/dev/null"
            )
            try await removal.end()
        }
    }

    @Test(
        "`run --wait` tells how the run ended, `run --here` works without a daemon, and a dry run leaves nothing behind"
    )
    func runs() async throws {
        try await House.with(Portfolio.small) { house in
            let before = try await Ledger.read(house)
            let dry = try await house.bursar("run", "renewals", "--here", "--dry-run", "--param", "chunk=30")
            #expect(dry.status == 0 && dry.output.contains("dry run: issued 100 invoices"), "\(dry)")
            try await expectUnchanged(before, house)
            #expect(try await house.value("select count(*) from bursar.number_series", as: Int.self) == 0)

            let daemon = try house.daemon("a")
            try await daemon.ready()
            let dryThere = try await house.bursar(
                "run",
                "renewals",
                "--dry-run",
                "--wait",
                "--as-of",
                "2020-01-01T00:00:00Z"
            )
            #expect(dryThere.status == 0 && dryThere.output.contains("issued 0 invoices"), "\(dryThere)")
            let past = try await house.bursar("run", "renewals", "--as-of", "2020-01-01T00:00:00Z")
            #expect(past.status == 65 && past.errors.contains("only for a dry run"), "\(past)")
            try await expectUnchanged(before, house)

            let real = try await house.bursar(
                "run",
                "renewals",
                "--param",
                "chunk=50",
                "--wait",
                "--reason",
                "a test",
                "--json"
            )
            #expect(real.status == 0, "\(real)")
            for part in [#""state":"succeeded""#, #""invoices":100"#, #""totals":{"#, #""attempts":1"#] {
                #expect(real.output.contains(part), "\(real)")
            }
            let run: Int64 = try await house.value("select max(id) from bursar.run_history")
            let shown = try await house.bursar("runs", "show", "\(run)", "--json")
            #expect(shown.status == 0 && shown.output.contains("a test"), "\(shown)")
            let who: String = try await house.value("select requested_by from bursar.run_history where id = \(run)")
            #expect(who.hasPrefix("operator:"))
            try await Ledger.expectSound(house, run: run)
            let again = try await house.bursar("run", "renewals", "--wait")
            #expect(again.status == 0 && again.output.contains("issued 0 invoices"), "\(again)")
        }
    }

    private func expectUnchanged(_ before: Ledger, _ house: House) async throws {
        let now = try await Ledger.read(house)
        if now != before { Issue.record("the books have changed:\n\(now.difference(from: before))") }
    }

    @Test("A run over its limit stops with 75, issues nothing until a person approves, and then just that")
    func approval() async throws {
        try await House.with(Portfolio.small) { house in
            try await house.query(
                "select * from bursar.create_policy((select id from bursar.issuer), '{\"approve_above_invoices\": 40}', true, 'a test')"
            )
            let daemon = try house.daemon("a")
            try await daemon.ready()
            let stopped = try await house.bursar("run", "renewals", "--wait", "--param", "chunk=30")
            #expect(stopped.status == 75, "\(stopped)")
            #expect(
                stopped.output.contains("needs_approval") && stopped.output.contains("over its limit of 40"),
                "\(stopped)"
            )
            #expect(try await house.value("select count(*) from bursar.invoice", as: Int.self) == 0)
            let run: Int64 = try await house.value("select id from bursar.run")
            let listed = try await house.bursar("runs", "list", "--state", "needs_approval")
            #expect(listed.output.contains("needs_approval"), "\(listed)")

            let unreasoned = try await house.bursar("runs", "approve", "\(run)")
            #expect(unreasoned.status == 64, "\(unreasoned)")
            // Since the proposal one subscription was put on hold: it must not be billed on that word.
            try await house.query(
                "select bursar.hold_billing((select min(id) from bursar.subscription), reason => 'a test')"
            )
            let approved = try await house.bursar("runs", "approve", "\(run)", "--reason", "looked at it")
            #expect(approved.status == 0, "\(approved)")
            let row = try await house.ended(run)
            #expect(row.state == "succeeded", "\(row)")
            #expect(row.outcome?.contains("1 changed since the approval") ?? false, "\(row)")
            #expect(try await house.value("select count(*) from bursar.invoice", as: Int.self) == 99)
            let twice = try await house.bursar("runs", "approve", "\(run)", "--reason", "again")
            #expect(twice.status == 65, "\(twice)")
            try await Ledger.expectSound(house, run: run)
        }
    }

    @Test(
        "A run that waits can be cancelled, one that ended cannot be approved, retried or found again under another number"
    )
    func endings() async throws {
        try await House.with(Portfolio.empty) { house in
            let daemon = try house.daemon("a")
            try await daemon.ready()
            let run: Int64 = try await house.value(
                "select run_id from bursar.enqueue('renewals', run_at => clock_timestamp() + interval '1 day')"
            )
            let cancelled = try await house.bursar("runs", "cancel", "\(run)", "--reason", "not today")
            #expect(cancelled.status == 0 && cancelled.output.contains("cancelled"), "\(cancelled)")
            #expect(try await house.run(run).state == "cancelled")
            let again = try await house.bursar("runs", "cancel", "\(run)")
            #expect(again.status == 0 && again.output.contains("ended"), "\(again)")
            for command in ["show", "cancel"] {
                let result = try await house.bursar("runs", command, "4711")
                #expect(result.status == 65 && result.errors.contains("there is no run 4711"), "\(result)")
            }
            let retried = try await house.bursar("runs", "retry", "\(run)", "--reason", "today after all")
            #expect(retried.status == 0, "\(retried)")
        }
    }

    @Test("A run that is being worked ends between two chunks when it is cancelled, and the next one does the rest")
    func cancelRunning() async throws {
        try await House.with { house in
            let trap = Trap(Strike(statement: "billing.due_subscriptions", occurrence: 3, moment: .before), signal: 0)
            let proxy = try PostgresProxy(house, trap)
            defer { proxy.stop() }
            let daemon = try house.daemon("a", url: proxy.url(house))
            trap.aim(at: daemon.process)
            let run = try await house.askForRenewals(chunk: 2)
            _ = try await trap.sprung.told("the third chunk began")
            let asked = try await house.bursar("runs", "cancel", "\(run)", "--reason", "a test")
            #expect(asked.status == 0 && asked.output.contains("asked"), "\(asked)")
            let row = try await house.ended(run)
            #expect(row.state == "cancelled", "\(row)")
            let rest = try await house.askForRenewals(chunk: 500)
            try await house.ended(rest)
            try await Ledger.expectSound(house, run: rest)
        }
    }

    @Test("The daemon tells how it is: status, alarms, metrics, health")
    func surfaces() async throws {
        try await House.with(Portfolio.empty) { house in
            let daemon = try house.daemon("a")
            try await daemon.ready()
            let status = try await house.bursar("status", "--json")
            #expect(status.status == 0, "\(status)")
            for part in [#""here":"#, #""engine":"#, #""nodes":"#, #""environment":"#] {
                #expect(status.output.replacing(" ", with: "").contains(part), "\(status)")
            }
            let alarms = try await house.bursar("alarms", "--json")
            #expect(alarms.status == 0 && alarms.output == "[]\n", "\(alarms)")
            let metrics = try await daemon.text("/metrics")
            for name in ["bursar_database_up 1", "bursar_nodes 1", "bursar_build_info{", "bursar_queue_depth{"] {
                #expect(metrics.contains(name), "\(name) is missing")
            }
            #expect(!metrics.contains(/[{,](job|instance)="/))
            #expect(try await daemon.get("/livez").status == 200)
            #expect(try await daemon.get("/nowhere").status == 404)
            daemon.process.signal(SIGINT)
            #expect(try await daemon.process.end(within: .seconds(10)) == .exited(0))
        }
    }
}
