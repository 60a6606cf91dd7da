import CivilTime
import Foundation
import Notices
import Testing

/// Business calendars as data files, and those that ship.
@Suite("Calendar files") struct CalendarFileTests {
    @Test(
        "A mistake is told with its place",
        arguments: [
            ("country: KH", "country: kh", "2:10", "ISO 3166"), ("country: KH\n", "", "1:1", "no country"),
            ("source: { text: the gazette, date: 2026-01-02 }\n", "", "1:1", "no source"),
            ("date: 2026-01-02", "dated: 2026-01-02", "3:30", "unknown key \"dated\""),
            ("2026-01-02", "2026-02-30", "3:36", "must be a date"),
            ("until: 2026-12-31", "until: 2026", "4:8", "must be a date"),
            ("2026-04-16", "2027-01-01", "8:3", "2027-01-01 after 2026-12-31"),
            ("2026-04-15", "2026-04-14", "7:3", "stands twice"), ("2026-04-15", "15 April", "7:3", "must be a date"),
            ("closed:", "weekend: [sunday, sunday]\nclosed:", "5:19", "stands twice"),
            ("closed:", "weekend: [sundey]\nclosed:", "5:11", "did you mean \"sunday\"?"),
            (
                "closed:", "weekend: [monday, tuesday, wednesday, thursday, friday, saturday, sunday]\nclosed:", "5:10",
                "nothing is ever sent"
            ),
        ]
    )
    func mistake(_ was: String, _ becomes: String, _ place: String, _ says: String) throws {
        let calendar = PolicyFolder.calendar.replacing(was, with: becomes)
        let problems = try PolicyFolder.with(PolicyText.steps, calendars: ["kh": calendar]) { $0.problems() }
        #expect(problems.count == 1 && problems[0].hasPrefix("calendars/kh.yaml:\(place): "), "\(problems)")
        #expect(problems.joined().contains(says), "\(problems)")
    }

    @Test("Sixty days before it runs out a calendar asks for its successor, and the files count all the same")
    func runningOut() throws {
        try PolicyFolder.with(PolicyText.steps) { folder in
            #expect(try folder.warnings(today: "2026-11-01").isEmpty)
            let soon = try folder.warnings(today: "2026-11-02")
            #expect(soon.count == 1 && soon[0].hasPrefix("calendars/kh.yaml:4:8: warning: "), "\(soon)")
            #expect(soon.joined().contains("ends on 2026-12-31, in 59 days"), "\(soon)")
            let over = try folder.warnings(today: "2027-01-10")
            #expect(over.count == 1 && over[0].contains("ended on 2026-12-31, 10 days ago"), "\(over)")
        }
    }

    private static let shipped = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "schedules/policies").path

    @Test("The files that ship are in order, say what the built-in policy says, and suspend nobody")
    func ships() throws {
        let read = try PolicyFiles.read(folder: Self.shipped, today: try #require(CivilDate("2026-11-24")))
        #expect(read.warnings.isEmpty)
        #expect(read.policies.standard.steps == DunningPolicy.builtIn.steps)
        #expect(!read.policies.standard.suspends && read.policies.overrides.isEmpty)
        let calendar = try #require(read.calendars["kh"])
        #expect(calendar.until == CivilDate("2027-12-31") && calendar.longestClosure == 3)
        for year in [2026, 2027] {
            let days = calendar.closed.filter { $0.key.year == year }
            #expect((20...23).contains(days.count), "\(year): \(days.count)")
            for fixed in [
                "01-01", "01-07", "03-08", "05-01", "05-14", "06-18", "09-24", "10-15", "10-29", "11-09", "12-29",
            ] {
                #expect(days.keys.contains { "\($0)" == "\(year)-\(fixed)" }, "\(year)-\(fixed)")
            }
            #expect(
                days.filter { $0.value == "Pchum Ben" }.count == 3
                    && days.filter { $0.value == "Water Festival" }.count == 3
            )
        }
    }
}
