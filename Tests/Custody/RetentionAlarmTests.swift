import CivilTime
import Custody
import JobKit
import Postgres
import RetentionPurge
import TestSupport
import Testing

@Suite("Alarms of retention")
struct RetentionAlarmTests {
    @Test(
        "Rows that are two days late raise an alarm, a minute less does not; it says since when, and is cleared when they are gone",
        arguments: [(-60, 0), (60, 1)]
    )
    func threshold(_ seconds: Int, _ alarms: Int) async throws {
        try await RetentionWorld.open(old: 1) { world in
            try await world.seenLongAgo(RetentionWorld.lines())
            let due = "interval '90 days' + interval '2 days' + interval '\(seconds) seconds'"
            try await world.change("update bursar.attempt_line set at = now() - (\(due))")
            try await world.database.asSuperuser { other in
                try await other.executeScript("begin; select from bursar.attempt_line for update", name: "lock")
                #expect(try await world.purge([RetentionWorld.lines()]).kept != .held)
                try await other.executeScript("rollback", name: "unlock")
            }
            let open = """
                select key, severity, evidence ->> 'rows', abs(extract(epoch from since - (now() - interval '2 days' - interval '60 s'))) < 30
                from bursar.alarm where cleared_at is null
                """
            #expect(try await world.list(open) == (alarms == 0 ? [] : ["retention:attempt_line|warning|1|t"]))
            let standing = try #require(try await RetentionStanding.read(in: world.pool).first)
            #expect(abs(standing.lagSeconds - (2 * 86_400 + Double(seconds))) < 30 && standing.rowsDue == 1)
            #expect(standing.whyLeft == "came past its cutoff since the plan, or was locked")
            try await world.purge([RetentionWorld.lines()])
            #expect(try await world.count("alarm", "cleared_at is null") == 0)
            #expect(try await world.count("alarm") == alarms)
            let after = try #require(try await RetentionStanding.read(in: world.pool).first)
            #expect(after.lagSeconds == 0 && after.rowsDue == 0 && after.whyLeft == nil)
        }
    }

    @Test("Rows that are held are no lag, and neither are those that are only observed")
    func heldAndObserved() async throws {
        try await RetentionWorld.open(old: 10) { world in
            try await world.operate("bursar.place_legal_hold(table_name => 'attempt_line', reason => 'x')")
            try await world.purge([RetentionWorld.lines()])
            let held = try #require(try await RetentionStanding.read(in: world.pool).first)
            #expect(held.lagSeconds == 0 && held.rowsDue == 0 && held.rowsHeld == 10)
            try await world.operate("bursar.release_legal_hold(1, 'done')")
            try await world.purge([RetentionWorld.lines { $0.observeDays = 7 }])
            let observed = try #require(try await RetentionStanding.read(in: world.pool).first)
            #expect(observed.observingUntil != nil && observed.rowsDue == 10)
            #expect(try await world.count("alarm") == 0)
        }
    }

    @Test("A policy that is taken away takes its alarm along")
    func policyGone() async throws {
        try await RetentionWorld.open(old: 10) { world in
            try await world.seenLongAgo(RetentionWorld.lines())
            try await world.database.asSuperuser { other in
                try await other.executeScript("begin; select from bursar.attempt_line for update", name: "lock")
                try await world.purge([RetentionWorld.lines()])
                try await other.executeScript("rollback", name: "unlock")
            }
            #expect(try await world.count("alarm", "cleared_at is null") == 1)
            try await world.purge([])
            #expect(try await world.count("alarm", "cleared_at is null") == 0)
            #expect(try await RetentionStanding.read(in: world.pool).isEmpty)
        }
    }
}
