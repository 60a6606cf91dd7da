import CivilTime
import Engine
import Events
import Billing
import Postgres
import Tenancy
import Testing
import TestSupport

@Suite("Boundaries: the database and Swift count periods alike")
struct BoundaryTests {
    @Test(
        "Random boundaries equal PostgreSQL's date + interval, and Swift's rule",
        arguments: [UInt64.random(in: 0...(.max))]
    )
    func random(seed: UInt64) async throws {
        var generator = SplitMix(state: seed)
        let rules = (0..<4000).map { _ in
            PeriodRule(
                anchor: CivilDate(daysSinceEpoch: Int.random(in: 3_650...40_000, using: &generator)),
                unit: PeriodUnit.allCases.randomElement(using: &generator) ?? .month,
                count: Int.random(in: 1...24, using: &generator),
                dayPolicy: Bool.random(using: &generator) ? .lastDay : .sameDayClamped
            )
        }
        let steps = rules.map { _ in Int.random(in: -50...200, using: &generator) }
        let rows = try await boundaries(rules, steps)
        for (row, (rule, k)) in zip(rows, zip(rules, steps)) {
            let boundary: CivilDate = try row.get("boundary")
            #expect(boundary == rule.boundary(k), "seed \(seed): \(rule), k \(k)")
            #expect(try row.get("found", as: Int.self) == k, "seed \(seed): \(rule), k \(k)")
            if rule.dayPolicy == .sameDayClamped {
                #expect(try row.get("by_interval", as: CivilDate.self) == boundary, "seed \(seed): \(rule), k \(k)")
            }
        }
    }

    private func boundaries(_ rules: [PeriodRule], _ steps: [Int]) async throws -> Rows {
        let sql = """
            select bursar.boundary(anchor, unit, count, policy, k) as boundary,
                bursar.period_index(anchor, unit, count, policy, bursar.boundary(anchor, unit, count, policy, k)) as found,
                (anchor + (k * count || ' ' || unit)::interval)::date as by_interval
            from unnest($1::date[], $2::text[], $3::integer[], $4::text[], $5::integer[])
                with ordinality as given (anchor, unit, count, policy, k, n)
            order by n
            """
        return try await TestDatabase.with(migrations: Books.migrations) { database in
            try await database.asSuperuser { connection in
                try await connection.query(
                    Statement("test.boundaries", sql),
                    rules.map(\.anchor.description),
                    rules.map(\.unit.rawValue),
                    rules.map(\.count),
                    rules.map(\.dayPolicy.rawValue),
                    steps
                )
            }
        }
    }
}

/// A generator that a seed repeats.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
