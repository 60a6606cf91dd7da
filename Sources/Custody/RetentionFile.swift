internal import Notices
package import Schedules
internal import Yams

/// The retention policies as people write them: `retention.yaml` in the folder of policies.
package enum RetentionFile {
    /// The policies of a folder; none where there is no such file.
    ///
    /// - Throws: every problem of the file; nothing is half loaded.
    package static func load(folder: String) throws(RetentionProblems) -> RetentionPolicies {
        let file = path(in: folder)
        guard ScheduleFiles.isFile(file) else { return RetentionPolicies() }
        var problems: [FileProblem] = []
        guard let text = ScheduleFiles.text(of: file, &problems) else { throw RetentionProblems(problems) }
        return try read(text, file: file)
    }

    package static func path(in folder: String) -> String {
        (folder.hasSuffix("/") ? folder : folder + "/") + PolicyFiles.retentionFile
    }

    /// The policies that a text holds.
    package static func read(_ text: String, file: String) throws(RetentionProblems) -> RetentionPolicies {
        var reader = RetentionReader(file: file)
        let policies = reader.policies(text)
        guard reader.yaml.problems.isEmpty, let policies else { throw RetentionProblems(reader.yaml.problems) }
        return policies
    }
}

/// Everything that is wrong with the retention policies, in order; with a problem in it nothing of it counts.
package struct RetentionProblems: Error, Sendable, CustomStringConvertible {
    package let problems: [FileProblem]

    init(_ problems: [FileProblem]) { self.problems = problems.sorted() }

    /// One problem a line.
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}

enum RetentionFileKey: String, ScheduleFileKey {
    case version, retention
}

/// The keys of one policy.
enum RetentionKey: String, ScheduleFileKey {
    case table, clock, keep, action
    case legalBasis = "legal_basis"
    case floor
    case tenantOverride = "tenant_override"
    case tenants, batch
    case pause = "pause_ms"
    case lockTimeout = "lock_timeout_ms"
    case maxRowsPerRun = "max_rows_per_run"
    case maxPercent = "max_percent"
    case observeDays = "observe_days"
}

/// The keys of `tenant_override`.
enum RetentionBoundKey: String, ScheduleFileKey {
    case floor, ceiling
}

/// The bounds of its numbers.
enum RetentionRange {
    static let batch: ClosedRange<Int64> = 1...50_000
    static let pause: ClosedRange<Int64> = 0...60_000
    // Below what any statement of a batch may take: else that would end it before the wait is over.
    static let lockTimeout: ClosedRange<Int64> = 10...800
    static let rows: ClosedRange<Int64> = 1...1_000_000_000
    static let percent: ClosedRange<Int64> = 1...100
    static let days: ClosedRange<Int64> = 0...365
}
