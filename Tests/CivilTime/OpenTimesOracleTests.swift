import CivilTime
import Foundation
import Testing

/// Quiet hours and closed days against Python's zoneinfo, which walks minute by minute.
@Suite struct OpenTimesOracleTests {
    /// Zones with half hours, changes at midnight, a day that never was, and two changes in one season.
    private static let zones = [
        "Asia/Phnom_Penh", "America/New_York", "Europe/Riga", "Australia/Lord_Howe", "America/Santiago", "Asia/Tehran",
        "Asia/Kathmandu", "Africa/Casablanca", "Pacific/Apia", "America/St_Johns", "America/Havana", "Asia/Gaza",
    ]

    private static let script = """
        import sys, json
        from datetime import datetime, timedelta, timezone
        from zoneinfo import ZoneInfo
        for line in sys.stdin:
            case = json.loads(line)
            zone, start, until = ZoneInfo(case["zone"]), case["from"], case["until"]
            closed, weekend = set(case["closed"]), set(case["weekend"])
            at = datetime.fromtimestamp(case["at"], timezone.utc)
            def opens(at):
                local = at.astimezone(zone)
                minute = local.hour * 60 + local.minute
                quiet = start <= minute < until if start < until else minute >= start or minute < until
                return not quiet and local.date().isoformat() not in closed and local.isoweekday() not in weekend
            if not opens(at):
                at = at.replace(second=0) + timedelta(minutes=1)
                while not opens(at):
                    at += timedelta(minutes=1)
            print(int(at.timestamp()), flush=True)
        """

    private static func python(_ input: String) throws -> [Int] {
        let file = FileManager.default.temporaryDirectory.appending(path: "open-times-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try input.write(to: file, atomically: true, encoding: .utf8)
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", "-c", script]
        process.standardInput = try FileHandle(forReadingFrom: file)
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text.split(separator: "\n").compactMap { Int($0) }
    }

    private struct Case: Encodable {
        var zone: String
        var from: Int
        var until: Int
        var closed: [String]
        var weekend: [Int]
        var at: Int
    }

    /// Most of them near a change of the clock; only offsets of whole minutes, since the oracle walks by minutes.
    private func cases(_ random: inout SeededGenerator) throws -> [Case] {
        let first = CivilCalendar.dayNumber(year: 1975, month: 1, day: 1) * 86_400
        let last = CivilCalendar.dayNumber(year: 2037, month: 1, day: 1) * 86_400
        return try (0..<1_500).map { number in
            let name = Self.zones[number % Self.zones.count]
            let zone = try Zone(named: name)
            var at = Int.random(in: first..<last, using: &random)
            if number % 4 != 0, let next = zone.nextTransition(after: Instant(secondsSinceEpoch: at)),
                next.at.secondsSinceEpoch < last
            {
                at = next.at.secondsSinceEpoch + Int.random(in: -100_000...10_000, using: &random)
            }
            let day = zone.localDate(at: Instant(secondsSinceEpoch: at))
            let closed = (-1...3).filter { _ in Int.random(in: 0..<3, using: &random) == 0 }
            let from = Int.random(in: 0..<1440, using: &random)
            return Case(
                zone: name,
                from: from,
                until: (from + Int.random(in: 1..<1440, using: &random)) % 1440,
                closed: closed.map { "\(day.adding(days: $0))" },
                weekend: (1...7).filter { _ in Int.random(in: 0..<5, using: &random) == 0 }.dropLast(1).map { $0 },
                at: at
            )
        }
    }

    @Test("The first open instant is the one that Python finds minute by minute, across every change of the clock")
    func oracle() throws {
        var random = SeededGenerator("Open times")
        let cases = try cases(&random)
        let encoder = JSONEncoder()
        let lines = try cases.map { String(decoding: try encoder.encode($0), as: UTF8.self) + "\n" }
        let wanted = try Self.python(lines.joined())
        try #require(wanted.count == cases.count)
        for (given, second) in zip(cases, wanted) {
            let closed = Dictionary(
                uniqueKeysWithValues: given.closed.compactMap { CivilDate($0).map { ($0, "closed") } }
            )
            let weekend = Set(given.weekend.map { Weekday.allCases[$0 - 1] })
            let calendar = BusinessCalendar(name: "c", closed: closed, weekend: weekend, until: .latest)
            let quiet = try #require(QuietHours(from: given.from, until: given.until))
            let zone = try Zone(named: given.zone)
            let asked = Instant(secondsSinceEpoch: given.at)
            let found = OpenTimes(quiet: quiet, calendar: calendar).earliest(at: asked, in: zone)
            try #require(found.instant.secondsSinceEpoch == second, "\(given)")
            try #require((found.reason == nil) == (second == given.at), "\(given)")
            if closed.isEmpty, weekend.isEmpty {
                try #require(quiet.opening(after: asked, in: zone).secondsSinceEpoch == second, "\(given)")
            }
        }
    }
}
