import CivilTime
import Foundation
import Testing

/// Zones against the C library's own reader of the same files, asked through date(1).
@Suite struct ZoneOracleTests {
    /// Zones with half hours, midnight changes, a lost day, negative daylight saving time, Ramadan, two changes a night.
    private static let tricky = [
        "Asia/Phnom_Penh", "UTC", "America/New_York", "Europe/Riga", "Europe/Dublin", "Australia/Lord_Howe",
        "Africa/Casablanca", "Pacific/Apia", "America/Santiago", "Asia/Tehran", "America/St_Johns", "Asia/Kathmandu",
        "Antarctica/Troll", "Asia/Gaza", "America/Scoresbysund", "Pacific/Kwajalein", "Africa/Monrovia",
    ]

    private static func allZones() throws -> [String] {
        let table = try String(contentsOfFile: "\(Zone.systemDirectory)/zone1970.tab", encoding: .utf8)
        return table.split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap { line in
            line.split(separator: "\t").dropFirst(2).first.map(String.init)
        }
    }

    /// What date(1) says: local time and offset of each instant.
    private func expected(_ zone: String, _ seconds: [Int]) throws -> [String] {
        let input = FileManager.default.temporaryDirectory.appending(path: "instants-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: input) }
        try seconds.map { "@\($0)\n" }.joined().write(to: input, atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(filePath: "/bin/date")
        process.arguments = ["-f", input.path, "+%Y-%m-%dT%H:%M:%S %::z %Z"]
        process.environment = ["TZ": zone, "LC_ALL": "C"]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        // Where nobody lived it writes the offset as -00:00:00.
        return text.split(separator: "\n").map { String($0).replacing(" -00:00:00 ", with: " +00:00:00 ") }
    }

    private func actual(_ zone: Zone, _ second: Int) -> String {
        let instant = Instant(secondsSinceEpoch: second)
        let offset = zone.offset(at: instant)
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let size = abs(offset)
        let text = "\(offset < 0 ? "-" : "+")\(two(size / 3_600)):\(two(size / 60 % 60)):\(two(size % 60))"
        return "\(zone.localTime(at: instant)) \(text) \(zone.abbreviation(at: instant))"
    }

    private static let first = CivilCalendar.dayNumber(year: 1900, month: 1, day: 1) * 86_400
    private static let last = CivilCalendar.dayNumber(year: 2101, month: 1, day: 1) * 86_400

    /// The transitions of two centuries, as we see them.
    private func transitions(of zone: Zone) -> [ZoneTransition] {
        var found: [ZoneTransition] = []
        var after = Instant(secondsSinceEpoch: Self.first)
        while let next = zone.nextTransition(after: after), next.at.secondsSinceEpoch < Self.last {
            found.append(next)
            after = next.at
        }
        return found
    }

    @Test func `Every instant of two centuries has the local time that the C library gives it`() throws {
        var random = SeededGenerator("Zone instants")
        let all = try Self.allZones()
        #expect(all.count > 300)
        let names = Set(Self.tricky + (0..<60).compactMap { _ in all.randomElement(using: &random) })
        for name in names.sorted() {
            let zone = try Zone(named: name)
            var seconds = (0..<400).map { _ in Int.random(in: Self.first..<Self.last, using: &random) }
            for transition in transitions(of: zone) {
                let at = transition.at.secondsSinceEpoch
                seconds += [at - 1, at, at + 1, at + Int.random(in: -90_000...90_000, using: &random)]
            }
            let wanted = try expected(name, seconds)
            try #require(wanted.count == seconds.count)
            for (second, line) in zip(seconds, wanted) {
                try #require(actual(zone, second) == line, "\(name) at @\(second)")
            }
        }
    }

    @Test(arguments: tricky)
    func `A local time means exactly the instants at which the clock shows it`(name: String) throws {
        var random = SeededGenerator("Zone local times \(name)")
        let zone = try Zone(named: name)
        let transitions = transitions(of: zone)
        let offsets = Set(transitions.flatMap { [$0.offsetBefore, $0.offsetAfter] } + [zone.offset(at: .epoch)])
        for _ in 0..<2_000 {
            var local = Int.random(in: Self.first..<Self.last, using: &random)
            if let near = transitions.randomElement(using: &random), Bool.random(using: &random) {
                local = near.at.secondsSinceEpoch + near.offsetBefore + Int.random(in: -5_400...5_400, using: &random)
            }
            let showing = offsets.map { local - $0 }.sorted().filter { second in
                zone.localTime(at: Instant(secondsSinceEpoch: second)).localSeconds == local
            }.map { Instant(secondsSinceEpoch: $0) }
            let meaning = zone.instants(of: CivilDateTime(localSeconds: local))
            switch (meaning, showing.count) {
            case (.one(let instant), 1): try #require(instant == showing[0])
            case (.fold(let first, let second), 2): try #require([first, second] == showing)
            case (.gap(let transition, let shifted), 0):
                let before = zone.localTime(at: transition.adding(.seconds(-1))).localSeconds
                let after = zone.localTime(at: transition).localSeconds
                try #require(before < local && local < after)
                try #require(shifted.secondsSinceEpoch - transition.secondsSinceEpoch == local - before - 1)
            default: Issue.record("\(name) \(local): \(meaning), shown \(showing.count) times")
            }
        }
    }
}
