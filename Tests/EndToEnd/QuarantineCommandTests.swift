import Outbound
import Postgres
import TestSupport
import Testing

@Suite("A quarantine, as an operator meets it")
struct QuarantineCommandTests {
    @Test(
        "Nothing is claimed and nothing fires, /readyz says 503 and why; lifted with a reason, the work goes on, and the act is on record"
    )
    func liftedByHand() async throws {
        try await House.with(Portfolio.small) { house in
            let daemon = try house.daemon("a")
            try await daemon.ready()
            let first = try await house.askForRenewals()
            try await house.ended(first)
            // A past that the daemon has seen is gone, as after a promotion.
            try await house.query("delete from bursar.attempt where run_id = \(first)")
            try await waitUntil("/readyz says so") { await daemon.readiness() == 503 }
            let readiness = try await daemon.text("/readyz?verbose")
            #expect(readiness.contains("quarantine") && readiness.contains("has lost"), "\(readiness)")
            #expect(try await daemon.get("/livez").status == 200)
            #expect(try await daemon.text("/status").contains("\"quarantine\""))
            #expect(try await daemon.text("/metrics").contains("bursar_quarantine 1"))
            try await waitUntil("there is an alarm") {
                try await house.list("select kind from bursar.alarm where cleared_at is null") == ["quarantine"]
            }
            let second = try await house.askForRenewals()
            let shown = try await house.bursar("nodes", "quarantine")
            #expect(shown.status == 0 && shown.output.contains("fence"), "\(shown)")
            #expect(try await house.bursar("nodes", "quarantine", "lift").status == 64)
            #expect(try await house.run(second).state == "ready")

            let lifted = try await house.bursar("nodes", "quarantine", "lift", "--reason", "the loss is known")
            #expect(lifted.status == 0, "\(lifted)")
            let row = try await house.ended(second)
            #expect(row.state == "succeeded", "\(row)")
            try await daemon.ready()
            let again = try await house.bursar("nodes", "quarantine", "lift", "--reason", "once more")
            #expect(again.status == 65, "\(again)")
            let audited = try await house.list(
                """
                select actor from bursar.audit_entry
                where action = 'quarantine.lifted' and canonical like '%the loss is known%'
                """
            )
            #expect(audited.count == 1 && audited[0].hasPrefix("operator:"), "\(audited)")
        }
    }
}
