@testable import CivilTime
import Foundation
import Testing

/// Files that no zone compiler wrote.
@Suite struct ZoneFileTests {
    /// A TZif file of one kind of time and the given footer.
    private func file(
        version: String = "2",
        offset: Int32 = 25_200,
        footer: String = "<+07>-7",
        leap: UInt32 = 0
    ) -> [UInt8] {
        func big(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
        let head = Array("TZif\(version)".utf8) + [UInt8](repeating: 0, count: 15)
        let block = head + big(0) + big(0) + big(leap) + big(0) + big(1) + big(4)
        let kind = big(UInt32(bitPattern: offset)) + [0, 0] + Array("+07\0".utf8)
        return block + kind + block + kind + Array("\n\(footer)\n".utf8)
    }

    private func zone(_ bytes: [UInt8], named name: String = "Test/Zone") throws -> Zone {
        let directory = FileManager.default.temporaryDirectory.appending(path: "zones-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: directory.appending(path: "Test"),
            withIntermediateDirectories: true
        )
        defer { try? FileManager.default.removeItem(at: directory) }
        try Data(bytes).write(to: directory.appending(path: name))
        return try Zone(named: name, directory: directory.path)
    }

    @Test func `A file in another folder is read like the system's`() throws {
        #expect(try zone(file()).offset(at: .epoch) == 25_200)
    }

    @Test(arguments: 0..<120)
    func `A file cut short anywhere is refused, never trusted`(length: Int) {
        let whole = file()
        guard length < whole.count else { return }
        #expect(throws: ZoneError.self) { try zone(Array(whole[..<length])) }
    }

    @Test func `Random damage is refused or read, and never traps`() throws {
        var random = SeededGenerator("ZoneFile damage")
        let whole = try [UInt8](Data(contentsOf: URL(filePath: "/usr/share/zoneinfo/Europe/Riga")))
        for _ in 0..<1_000 {
            var damaged = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                damaged[Int.random(in: 0..<damaged.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            guard let content = try? TZifReader.content(of: damaged) else { continue }
            let table = ZoneTable(name: "Damaged", directory: "", content: content)
            for year in [1800, 1950, 2000, 2100, 9000] {
                let second = CivilCalendar.dayNumber(year: year, month: 6, day: 1) * 86_400
                #expect(table.segment(at: second).contains(second))
            }
        }
    }

    @Test func `A file that counts leap seconds is refused with the name to use`() {
        #expect(
            throws: ZoneError.malformed(
                "Test/Zone",
                reason: "it counts leap seconds, as the zones under right/ do; use the plain name"
            )
        ) {
            try zone(file(leap: 1))
        }
    }

    @Test(arguments: [
        "", "<+07>", "EST", "EST5EDT,", "EST5EDT,M3.2.0", "EST5EDT,M13.2.0,M11.1.0", "EST5EDT,M3.6.0,M11.1.0",
        "EST5EDT,M3.2.7,M11.1.0", "EST5EDT,J0,J365", "EST5EDT,366,1", "EST5EDT,M3.2.0/168,M11.1.0",
        "EST5EDT,M3.2.0,M11.1.0x",
        "ES5", "<+07-7", "EST25", "EST5:60",
    ])
    func `A rule that is none is refused`(text: String) {
        #expect(POSIXZoneRule(parsing: text.utf8) == nil)
    }

    @Test func `Rules of every form name the right days`() throws {
        func changes(_ text: String, _ year: Int) throws -> [String] {
            let rule = try #require(POSIXZoneRule(parsing: text.utf8))
            let (start, end) = try #require(rule.changes(in: year))
            return [start, end].map { Instant(secondsSinceEpoch: $0).description }
        }
        #expect(try changes("EST5EDT,M3.2.0,M11.1.0", 2026) == ["2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z"])
        #expect(try changes("IST-1GMT0,M10.5.0,M3.5.0/1", 2026) == ["2026-10-25T01:00:00Z", "2026-03-29T01:00:00Z"])
        #expect(try changes("XXX0YYY,J60/0,J61/0", 2024) == ["2024-03-01T00:00:00Z", "2024-03-01T23:00:00Z"])
        #expect(try changes("XXX0YYY,59/0,60/0", 2024) == ["2024-02-29T00:00:00Z", "2024-02-29T23:00:00Z"])
        #expect(try changes("XXX3YYY,M3.4.4/50,M10.4.4/-50", 2026) == ["2026-03-28T05:00:00Z", "2026-10-20T00:00:00Z"])
    }

    @Test func `Daylight saving time all the year round never ends`() throws {
        // RFC 9636's own example: the end and the next beginning fall into the same second.
        let table = try zone(file(offset: -10_800, footer: "XXX3EDT4,0/0,J365/23"))
        for year in [1980, 2024, 2026, 3000] {
            for month in 1...12 {
                let day = CivilCalendar.dayNumber(year: year, month: month, day: 1)
                #expect(table.offset(at: Instant(secondsSinceEpoch: day * 86_400)) == -14_400)
            }
        }
    }
}
