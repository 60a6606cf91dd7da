import BackupVerification
import Custody
import TestSupport
import Testing

/// The bridge between two backups: what was purged in between has receipts, and whatever else is gone is a loss.
@Suite("Continuity across a purge", .serialized)
struct ContinuityTests {
    @Test(
        "Rows purged with receipts between two backups pass; the same rows deleted by hand fail at continuity, by their table"
    )
    func bridge() async throws {
        try await CustodyWorld.open { world in
            let retention = RetentionWorld(database: world.database, pool: world.pool)
            try await world.database.setUp(
                """
                insert into bursar.attempt_line (run_id, attempt, place, at, source, text)
                select -n, 1, 1, now() - case when n <= 30 then interval '100 days' else interval '1 day' end, 'stdout', 'x'
                from generate_series(1, 60) as n
                """
            )
            try await world.backUp()
            try await retention.purge([RetentionWorld.lines()])
            #expect(try await retention.count("attempt_line", "run_id < 0") == 30)
            try await world.backUp()
            let purged = try await world.drill()
            #expect(purged.receipt.verdict == .pass, "\(purged.receipt.told)")
            #expect(
                try await world.text(
                    "select sum(row_count) from bursar.purge_receipt where table_name = 'attempt_line'"
                )
                    == "30"
            )

            // As many once more, and nobody wrote a receipt.
            try await world.database.setUp(
                "set session_replication_role = replica; delete from bursar.attempt_line where run_id < 0"
            )
            try await world.backUp()
            let lost = try await world.drill()
            #expect(lost.failedPhase == "continuity", "\(lost.receipt.told)")
            #expect(lost.receipt.told.contains("attempt_line had"), "\(lost.receipt.told)")
            #expect(lost.receipt.told.contains("0 of them are there"), "\(lost.receipt.told)")
            #expect(lost.receipt.told.contains("receipts tell of 0 purged ones"), "\(lost.receipt.told)")
        }
    }

    @Test(
        "What a drill missed it misses in every later backup too, and in no older one, until somebody accepts it with a reason"
    )
    func untilAccepted() async throws {
        try await CustodyWorld.open { world in
            let whole = try await world.backUp()
            #expect(try await world.drill(BackupVerification.Parameters(backup: whole)).receipt.verdict == .pass)
            try await world.database.setUp(
                "set session_replication_role = replica; delete from bursar.event where id = (select min(id) from bursar.event)"
            )
            // Nobody drills the first one that lacks the row.
            try await world.backUp()
            let later = try await world.backUp()
            for _ in 1...2 {
                let drill = try await world.drill()
                #expect(drill.failedPhase == "continuity", "\(drill.receipt.told)")
                #expect(drill.receipt.told.contains("since \(whole)"), "\(drill.receipt.told)")
            }
            #expect(try await world.drill(BackupVerification.Parameters(backup: whole)).receipt.verdict == .pass)
            let standing = try await BackupStanding.read(in: world.pool)
            #expect(standing.verdict == "fail", "an older backup says nothing of the newest: \(standing.told ?? "")")

            try await world.database.setUp(
                "set role bursar_ops; select bursar.accept_backup('\(later)', 'Dara looked: a row of a test')"
            )
            let accepted = try await world.drill()
            #expect(accepted.receipt.verdict == .pass, "\(accepted.receipt.told)")
            let words = accepted.receipt.phases.first { $0.name == "continuity" }?.detail ?? ""
            #expect(words.contains("Dara looked"), "\(words)")
            #expect(try await BackupStanding.read(in: world.pool).verdict == "pass")
            try await world.backUp()
            #expect(try await world.drill().receipt.verdict == .pass)
        }
    }
}
