import CivilTime
import Postgres
import Standing
import Testing

@Suite("Grace and outages")
struct OutageGraceTests {
    @Test(
        "Outages lengthen grace by whole days, begun ones count whole, and what overlaps counts once",
        arguments: [
            ([], "2026-01-19"),
            ([("2026-01-14 10:00", "2026-01-14 10:01")], "2026-01-20"),
            ([("2026-01-14 00:00", "2026-01-15 00:00")], "2026-01-20"),
            ([("2026-01-14 00:00", "2026-01-15 00:01")], "2026-01-21"),
            ([("2026-01-14 00:00", "2026-01-14 18:00"), ("2026-01-14 12:00", "2026-01-15 00:00")], "2026-01-20"),
            ([("2026-01-14 00:00", "2026-01-14 01:00"), ("2026-01-16 00:00", "2026-01-16 01:00")], "2026-01-20"),
            // Before the due date and after grace nobody is kept from paying in time.
            ([("2026-01-10 00:00", "2026-01-12 00:00")], "2026-01-19"),
            ([("2026-01-20 00:00", "2026-01-22 00:00")], "2026-01-19"),
            // The day that is added is away as well.
            ([("2026-01-19 12:00", "2026-01-21 12:00")], "2026-01-21"),
        ]
    )
    func lengthens(outages: [(String, String)], end: String) async throws {
        try await Arrears.open { arrears in
            let ranges = outages.map { "tstzrange('\($0.0)+07', '\($0.1)+07')" }.joined(separator: ", ")
            let told = try await arrears.one(
                """
                select bursar.lengthened_grace('2026-01-12', '2026-01-19', 'Asia/Phnom_Penh',
                    (select range_agg(o) from unnest(array[\(ranges)]::tstzrange[]) as o))
                """
            )
            #expect(told == end)
        }
    }

    @Test("Any outages: the same as counted hour by hour")
    func hourByHour() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var dice = SplitMix(state: seed)
        try await Arrears.open { arrears in
            for _ in 0..<60 {
                // Hours after the start of the due date; grace is 8 days with the due date, 192 hours.
                let outages = (0..<Int.random(in: 0...5, using: &dice)).map { _ in
                    let from = Int.random(in: -60...300, using: &dice)
                    return (from, from + Int.random(in: 1...80, using: &dice))
                }
                var end = 192
                while true {
                    let lost = (0..<end).count { hour in outages.contains { $0.0 <= hour && hour < $0.1 } }
                    let longer = 192 + (lost + 23) / 24 * 24
                    if longer <= end { break }
                    end = longer
                }
                let ranges = outages.map {
                    "tstzrange(timestamptz '2026-01-12 00:00+07' + interval '\($0.0) hours', timestamptz '2026-01-12 00:00+07' + interval '\($0.1) hours')"
                }.joined(separator: ", ")
                let told = try await arrears.one(
                    """
                    select bursar.lengthened_grace('2026-01-12', '2026-01-19', 'Asia/Phnom_Penh',
                        coalesce((select range_agg(o) from unnest(array[\(ranges)]::tstzrange[]) as o), '{}')) - date '2026-01-12' + 1
                    """
                )
                #expect(told == "\(end / 24)", "\(outages), seed \(seed)")
            }
        }
    }

    @Test(
        "Recorded outages of Bakong, of all nodes and of a quarantine count; those of a mail server do not",
        arguments: [
            ("provider", "bakong", "2026-01-20"), ("engine", "nodes", "2026-01-20"),
            ("engine", "quarantine", "2026-01-20"),
            ("provider", "smtp", "2026-01-19"),
        ]
    )
    func relevant(kind: String, subject: String, end: String) async throws {
        try await Arrears.open { arrears in
            try await arrears.change(
                """
                insert into bursar.outage (kind, subject, during)
                values ('\(kind)', '\(subject)', '[2026-01-14 10:00+07, 2026-01-14 12:00+07)')
                """
            )
            let isLonger = end == "2026-01-20"
            let told = try await arrears.explain()
            #expect(told.gates.first { $0.gate == "grace" }?.value == .text(end))
            #expect(told.firstRed == (isLonger ? "grace" : nil))
            #expect(told.next.first?.contains("1 days later for outages") == (isLonger ? true : false))
            try await arrears.suspend()
            #expect(try await arrears.state() == (isLonger ? "past_due" : "suspended"))
            // A day later, with bank data up to then, it is over.
            try await arrears.change("update bursar.receiving_account set watermark = '2026-01-21 00:00+07'")
            try await arrears.set("2026-01-21 10:00")
            try await arrears.suspend()
            #expect(try await arrears.state() == "suspended")
        }
    }

    @Test("An outage that lasts still has lasted until now, and no longer")
    func lasting() async throws {
        try await Arrears.open { arrears in
            try await arrears.change(
                "insert into bursar.outage (kind, subject, during) values ('provider', 'bakong', '[2026-01-18 00:00+07,)')"
            )
            let told = try await arrears.explain()
            #expect(told.gates.first { $0.gate == "grace" }?.value == .text("2026-01-22"))
        }
    }
}

/// Random numbers that a seed makes again.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
