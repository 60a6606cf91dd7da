package import CivilTime
package import Schedules

/// Everything that is wrong with the files of a policy folder, in order; with a problem in it nothing of it counts.
package struct PolicyProblems: Error, Sendable, CustomStringConvertible {
    package let problems: [FileProblem]

    init(_ problems: [FileProblem]) { self.problems = problems.sorted() }

    /// One problem a line.
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// What lies in a policy folder: `dunning.yaml`, and business calendars in `calendars/`.
package struct PolicyFiles: Hashable, Sendable {
    package let policies: NoticePolicies
    /// The files that were read.
    package let files: [String]
    /// The calendars by name, used or not.
    package let calendars: [String: BusinessCalendar]
    /// What somebody should look at; the files count all the same.
    package let warnings: [FileProblem]

    private static let policyFile = "dunning.yaml"
    private static let calendarFolder = "calendars"
    /// What is purged stands beside the reminders, and is read by the room of custody.
    package static let retentionFile = "retention.yaml"

    /// The policies of a folder; the built-in one where there is no such folder, or no `dunning.yaml` in it.
    ///
    /// The day is for the warning of a calendar that runs out.
    /// - Throws: every problem of every file; nothing is half loaded.
    package static func load(folder: String, today: CivilDate) throws(PolicyProblems) -> NoticePolicies {
        try read(folder: folder, today: today).policies
    }

    /// The same, with what else there is to say of the files.
    package static func read(folder: String, today: CivilDate) throws(PolicyProblems) -> PolicyFiles {
        var reading = Reading(today: today)
        let policies = reading.policies(of: folder)
        guard reading.problems.isEmpty, let policies else { throw PolicyProblems(reading.problems) }
        return PolicyFiles(
            policies: policies,
            files: reading.files,
            calendars: reading.calendars,
            warnings: reading.warnings.sorted()
        )
    }

    /// The policy folder that a path is, or belongs to: the folder itself, its `dunning.yaml` or `retention.yaml`, or one of its calendars; nil for
    /// any other path.
    package static func folder(of path: String) -> String? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let above = { (count: Int) in
            let kept = parts.dropLast(count).joined(separator: "/")
            return kept.isEmpty ? (path.hasPrefix("/") ? "/" : ".") : kept
        }
        if ScheduleFiles.isFolder(path) {
            let isOne =
                [policyFile, retentionFile].contains { ScheduleFiles.isFile("\(path)/\($0)") }
                || ScheduleFiles.isFolder("\(path)/\(calendarFolder)")
            return isOne ? path : nil
        }
        if parts.last == policyFile || parts.last == retentionFile { return above(1) }
        return parts.dropLast().last == calendarFolder ? above(2) : nil
    }

    /// The files of a folder while they are read.
    private struct Reading {
        let today: CivilDate
        var problems: [FileProblem] = []
        var warnings: [FileProblem] = []
        var files: [String] = []
        var calendars: [String: BusinessCalendar] = [:]

        mutating func policies(of folder: String) -> NoticePolicies? {
            guard ScheduleFiles.isThere(folder) else { return NoticePolicies() }
            guard let found = ScheduleFiles.yamlFiles(of: folder, &problems) else { return nil }
            let prefix = folder.hasSuffix("/") ? folder : folder + "/"
            readCalendars("\(prefix)\(calendarFolder)")
            let policy = "\(prefix)\(policyFile)"
            for file in found where file != policy && file != "\(prefix)\(retentionFile)" {
                let remedy =
                    "the policy stands in \(policyFile), calendars in \(calendarFolder)/, retention in \(retentionFile); move or remove it"
                problems.append(FileProblem(at: SourcePosition(file: file), "nobody reads this file", remedy: remedy))
            }
            guard found.contains(policy) else { return NoticePolicies() }
            files.append(policy)
            guard let text = ScheduleFiles.text(of: policy, &problems) else { return nil }
            var reader = PolicyReader(file: policy, calendars: calendars)
            let policies = reader.policies(text)
            problems += reader.yaml.problems
            warnings += reader.yaml.warnings
            return policies
        }

        private mutating func readCalendars(_ folder: String) {
            guard ScheduleFiles.isFolder(folder), let found = ScheduleFiles.yamlFiles(of: folder, &problems) else {
                return
            }
            for file in found {
                let name = String(file.dropFirst(folder.count + 1).prefix { $0 != "." })
                guard PolicyNames.isName(name), let text = ScheduleFiles.text(of: file, &problems) else {
                    if !PolicyNames.isName(name) {
                        let message = "\"\(name)\" is no name for a calendar"
                        problems.append(FileProblem(at: SourcePosition(file: file), message, remedy: PolicyNames.rule))
                    }
                    continue
                }
                files.append(file)
                var reader = CalendarReader(file: file, today: today)
                // One with a problem is there, so that the policy does not miss it too.
                calendars[name] =
                    reader.calendar(named: name, text)
                    ?? BusinessCalendar(name: name, closed: [:], until: .latest)
                problems += reader.yaml.problems
                warnings += reader.yaml.warnings
            }
        }
    }
}
