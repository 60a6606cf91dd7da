import CivilTime
import Foundation
import Notices
import Schedules

/// A policy folder for one test, thrown away after it.
struct PolicyFolder {
    let path: String

    /// A calendar in order: three closed days in a row.
    static let calendar = """
        version: 1
        country: KH
        source: { text: the gazette, date: 2026-01-02 }
        until: 2026-12-31
        closed:
          2026-04-14: Khmer New Year
          2026-04-15: Khmer New Year
          2026-04-16: Khmer New Year

        """

    static func with<Result>(
        _ policy: String?,
        calendars: [String: String] = ["kh": calendar],
        _ body: (PolicyFolder) throws -> Result
    ) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: "policies-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let inner = folder.appending(path: "calendars")
        try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
        try policy?.write(to: folder.appending(path: "dunning.yaml"), atomically: true, encoding: .utf8)
        for (name, text) in calendars {
            try text.write(to: inner.appending(path: "\(name).yaml"), atomically: true, encoding: .utf8)
        }
        return try body(PolicyFolder(path: folder.path))
    }

    func write(_ text: String, to file: String) throws {
        try text.write(toFile: "\(path)/\(file)", atomically: true, encoding: .utf8)
    }

    func read(today: String = "2026-02-01") throws -> PolicyFiles {
        try PolicyFiles.read(folder: path, today: CivilDate(today) ?? .earliest)
    }

    /// The problems as `file:line:column: message; remedy`, without the folder.
    func problems(today: String = "2026-02-01") -> [String] {
        do {
            _ = try read(today: today)
            return []
        } catch let error as PolicyProblems {
            return error.problems.map { "\($0)".replacing("\(path)/", with: "") }
        } catch {
            return ["\(error)"]
        }
    }

    func warnings(today: String = "2026-02-01") throws -> [String] {
        try read(today: today).warnings.map { "\($0)".replacing("\(path)/", with: "") }
    }
}

/// Policies around what a test is about.
enum PolicyText {
    /// The line of the first step is 4.
    static let steps = """
        version: 1
        policy:
          steps:
            - { id: courtesy, offset_days: -7, category: courtesy }
            - { id: overdue, offset_days: 1, at: "10:30", category: overdue, channels: [telegram, email] }
            - { id: final, offset_days: 3, category: final, valid_for: 4d }
          calendar: kh

        """

    /// Suspension in line 8, with a grace that just suffices: day 3, 3 closed days and 3 of notice.
    static let suspending =
        steps + """
              suspension: { enabled: true }
              payment_grace_days: 9

            """
}
