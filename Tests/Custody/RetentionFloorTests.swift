import CivilTime
import Custody
import JobKit
import Postgres
import RetentionPurge
import TestSupport
import Testing

/// What no policy, no run and no clock gets round.
@Suite("Floors of retention")
struct RetentionFloorTests {
    @Test("The database refuses a cutoff that is younger than the floor of its table, the house's and a tenant's")
    func database() async throws {
        try await RetentionWorld.open(old: 10) { world in
            for table in PurgeTable.allCases {
                for (hours, isRefused) in [(-1, true), (1, false)] {
                    let cutoff = "now() - interval '\(24 * table.floorDays + hours) hours'"
                    let call =
                        table.action == .dropPartition
                        ? "bursar.purge_partition('\(table.rawValue)', \(cutoff), 0, 9, 9, 1, 'x', 1, 500)"
                        : "bursar.purge_batch('\(table.rawValue)', \(cutoff), '{}', '{}', 0, 0, 9, 9, 1, 'x', 1, 500)"
                    try await expect(isRefused, call, in: world)
                }
            }
            let own =
                "bursar.purge_batch('message_body', now() - interval '90 days', '{1,2}', array[now() - interval '90 days', now()]"
            try await expect(true, "\(own), 0, 0, 9, 9, 1, 'x', 1, 500)", in: world)
            #expect(try await world.count("attempt_line") == 10)
        }
    }

    private func expect(_ isRefused: Bool, _ call: String, in world: RetentionWorld) async throws {
        do {
            _ = try await world.one("select row_count from \(call)")
            #expect(!isRefused, "\(call)")
        } catch let error as PostgresError {
            #expect(isRefused && error.message.contains("days at least"), "\(call): \(error)")
        }
    }

    @Test("A run that takes a later instant for its own purges nothing, and ends no observation")
    func ahead() async throws {
        try await RetentionWorld.open(old: 10) { world in
            let policy = RetentionWorld.lines { $0.keep = .seconds(120 * 86_400) }
            let year = Duration.seconds(365 * 86_400)
            #expect(
                try await world.purge([policy], dryRun: true, ahead: year).report == "would purge 10 of attempt_line"
            )
            let refused = try await #require(throws: JobError.self) { try await world.purge([policy], ahead: year) }
            #expect(refused.disposition == .permanent && refused.reason.contains("lies ahead"))
            #expect(try await world.count("attempt_line") == 10)
            #expect(try await world.purge([policy]).report == "nothing is past its cutoff")
            let observed = RetentionWorld.lines { $0.observeDays = 14 }
            let context = try await world.context(of: world.newRun(), ahead: year)
            let observation = try await context.step(as: "bursar_engine") { transaction, _ in
                try await Retention.observing([observed], asOf: context.asOf, in: transaction)
            }
            #expect(observation.until(observed) != nil && observation.count == 1)
        }
    }
}
