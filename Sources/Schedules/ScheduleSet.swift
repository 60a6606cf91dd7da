internal import COpenSSL

/// The schedules of a set of files, put in force together or not at all.
package struct ScheduleSet: Hashable, Sendable {
    /// By name.
    package let schedules: [Schedule]
    /// The files they came from, in the order they were read; empty where the set was not read from files.
    package let files: [String]
    /// SHA-256 in hexadecimal over the names and canonical definitions.
    ///
    /// Sets that do the same have the same hash, whatever their comments, layout, order and file names.
    package let contentHash: String

    /// A set of schedules made in memory.
    ///
    /// Of two with one name, the first is kept.
    package init(schedules: [Schedule], files: [String] = []) {
        let unique = Dictionary(schedules.map { ($0.name, $0) }) { first, _ in first }
        self.schedules = unique.values.sorted { $0.name < $1.name }
        self.files = files
        contentHash = Self.hash(of: self.schedules)
    }

    /// The schedule of a name.
    package subscript(name: String) -> Schedule? {
        schedules.first { $0.name == name }
    }

    private static func hash(of schedules: [Schedule]) -> String {
        let lines = schedules.map { "\($0.name)\t\($0.definitionJSON)\n" }
        let content = Array(("bursar schedules 1\n" + lines.joined()).utf8)
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        _ = SHA256(content, content.count, &digest)
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

extension ScheduleSet {
    /// Reads every file of these paths; of a folder, the files in it that end in `.yaml` or `.yml`, by name.
    ///
    /// Without a catalogue, jobs and their parameters are not checked.
    /// - Throws: every problem of every file, also those of files that cannot be read. Nothing is half loaded.
    package static func load(
        paths: [String],
        catalogue: JobCatalogue? = nil
    ) throws(ScheduleProblems) -> ScheduleSet {
        var problems: [FileProblem] = []
        var schedules: [Schedule] = []
        var names: [String: SourcePosition] = [:]
        var references: [ScheduleReference] = []
        let files = ScheduleFiles.list(paths, &problems)
        for file in files {
            guard let text = ScheduleFiles.text(of: file, &problems) else { continue }
            var reader = ScheduleReader(file: file, catalogue: catalogue)
            let found = reader.file(text)
            references += reader.references
            for schedule in found {
                if let first = names[schedule.name], let position = schedule.position {
                    let message = "schedule \"\(schedule.name)\" is already declared at \(first)"
                    problems.append(FileProblem(at: position, message, remedy: "remove or rename one of the two"))
                } else {
                    names[schedule.name] = schedule.position
                    schedules.append(schedule)
                }
            }
            problems += reader.problems
        }
        // An entry that could not be read is no unknown name: its own problem is told.
        if problems.isEmpty { problems = ScheduleReferences.problems(of: references, names: schedules.map(\.name)) }
        guard problems.isEmpty else { throw ScheduleProblems(problems) }
        return ScheduleSet(schedules: schedules, files: files)
    }

    /// Reads one file's text that is already in memory.
    /// - Throws: every problem of the text.
    package static func read(
        _ text: String,
        file: String,
        catalogue: JobCatalogue? = nil
    ) throws(ScheduleProblems) -> ScheduleSet {
        var reader = ScheduleReader(file: file, catalogue: catalogue)
        let schedules = reader.file(text)
        guard reader.problems.isEmpty else { throw ScheduleProblems(reader.problems) }
        let problems = ScheduleReferences.problems(of: reader.references, names: schedules.map(\.name))
        guard problems.isEmpty else { throw ScheduleProblems(problems) }
        return ScheduleSet(schedules: schedules, files: [file])
    }
}
