internal import CivilTime
internal import Yams

/// Reads the entries of one schedule file and collects every problem in it.
struct ScheduleReader {
    let catalogue: JobCatalogue?
    var yaml: YAMLReader
    /// Who waits for whom, and where the file says so.
    private(set) var references: [ScheduleReference] = []
    /// The places of the names in `after` of the entry that is being read.
    var predecessorsFound: [(name: String, position: SourcePosition)] = []

    typealias Fields = YAMLReader.Fields<ScheduleKey>

    init(file: String, catalogue: JobCatalogue?) {
        self.catalogue = catalogue
        yaml = YAMLReader(file: file)
    }

    var problems: [FileProblem] { yaml.problems }

    /// All schedules of a file's text that have no problem, in the file's order.
    mutating func file(_ text: String) -> [Schedule] {
        let document = YAMLDocument(text, file: yaml.file)
        yaml.report(document.problems)
        guard document.problems.isEmpty else { return [] }
        guard let root = document.root else {
            let position = SourcePosition(file: yaml.file, line: 1, column: 1)
            let remedy = "begin with version: 1 and schedules:, or remove the file"
            yaml.report([FileProblem(at: position, "the file is empty", remedy: remedy)])
            return []
        }
        guard let fields = yaml.fields(of: root, "a schedule file", keys: FileKey.self) else { return [] }
        checkVersion(fields, root)
        return schedules(fields, root)
    }

    /// One schedule's definition by itself, as the database holds it.
    mutating func definition(_ text: String, name: String) -> Schedule? {
        let document = YAMLDocument(text, file: yaml.file)
        yaml.report(document.problems)
        return document.root.flatMap { schedule(name, at: $0, body: $0) }
    }

    private mutating func checkVersion(_ fields: YAMLReader.Fields<FileKey>, _ root: Node) {
        guard let version = fields[.version] else {
            if fields.isMissing(.version) {
                yaml.report(root, "the file does not say which version of the format it is", remedy: "add version: 1")
            }
            return
        }
        if version.value.scalar?.unquoted != "1" {
            let found = YAMLReader.found(version.value)
            yaml.report(version.value, "version must be 1, not \(found)", remedy: "this Bursar reads version: 1 only")
        }
    }

    private mutating func schedules(_ fields: YAMLReader.Fields<FileKey>, _ root: Node) -> [Schedule] {
        guard let entries = fields[.schedules] else {
            if fields.isMissing(.schedules) {
                yaml.report(root, "the file has no schedules", remedy: "add schedules: and an entry below it")
            }
            return []
        }
        guard let mapping = entries.value.mapping else {
            let found = YAMLReader.found(entries.value)
            let message = "schedules must be a mapping from names to schedules, not \(found)"
            yaml.report(entries.value, message, remedy: "indent the names of the schedules below it; {} is none")
            return []
        }
        return mapping.compactMap { key, body in
            let name = checkedName(key)
            return schedule(name ?? YAMLReader.found(key), at: key, body: body).flatMap { name == nil ? nil : $0 }
        }
    }

    private mutating func checkedName(_ key: Node) -> String? {
        let name = key.string ?? ""
        let isWord = name.utf8.allSatisfy { "abcdefghijklmnopqrstuvwxyz0123456789-".utf8.contains($0) }
        let startsWithLetter = name.utf8.first.map { $0 >= UInt8(ascii: "a") } ?? false
        guard isWord, startsWithLetter, name.utf8.last != UInt8(ascii: "-"), name.count <= ScheduleLimits.nameLength
        else {
            let rule = "lower-case letters, digits and hyphens, a letter first and no hyphen last"
            let remedy = "use at most \(ScheduleLimits.nameLength) \(rule)"
            yaml.report(key, "\(YAMLReader.found(key)) is not a name for a schedule", remedy: remedy)
            return nil
        }
        return name
    }

    private mutating func schedule(_ name: String, at key: Node, body: Node) -> Schedule? {
        let before = yaml.problems.count
        predecessorsFound = []
        let what = "schedule \"\(name)\""
        guard let fields = yaml.fields(of: body, what, keys: ScheduleKey.self) else { return nil }
        let job = job(fields, of: what, at: key)
        let timing = timing(fields, of: what, at: key)
        let zone = zone(fields, of: what, at: key)
        var changes: [(inout Schedule) -> Void] = []
        readTexts(fields, &changes)
        readPolicies(fields, &changes)
        readDurations(fields, every: timing, &changes)
        if let parameters = parameters(fields, job: job, at: key) {
            changes.append { $0.parametersJSON = parameters }
        }
        guard let job, let timing, let zone, yaml.problems.count == before else { return nil }
        var schedule = Schedule(name: name, job: job, timing: timing, zone: zone)
        for change in changes { change(&schedule) }
        schedule.position = yaml.position(of: key)
        references += predecessorsFound.map { ScheduleReference(from: name, to: $0.name, position: $0.position) }
        return schedule
    }
}
