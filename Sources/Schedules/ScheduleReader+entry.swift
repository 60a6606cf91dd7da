internal import CivilTime
internal import Yams

/// The keys that every schedule needs: the job, and when it is due.
extension ScheduleReader {
    mutating func job(_ fields: Fields, of what: String, at key: Node) -> String? {
        guard let field = fields[.job] else {
            if fields.isMissing(.job) {
                yaml.report(key, "\(what) does not say which job it runs", remedy: "add job: and one of\(knownJobs)")
            }
            return nil
        }
        guard let job = yaml.text(field.value, "job") else { return nil }
        guard let catalogue, catalogue[job] == nil else { return job }
        let guess = Spelling.suggestion(for: job, among: catalogue.names).map { "\($0) " } ?? ""
        yaml.report(field.value, "there is no job \"\(job)\"", remedy: "\(guess)the jobs are:\(knownJobs)")
        return nil
    }

    private var knownJobs: String {
        catalogue.map { " " + $0.names.joined(separator: ", ") } ?? " the jobs"
    }

    /// Exactly one of `cron`, `every` and `once`.
    mutating func timing(_ fields: Fields, of what: String, at key: Node) -> ScheduleTiming? {
        let given = ScheduleKey.timings.compactMap { key in fields[key].map { (key, $0) } }
        guard let (chosen, field) = given.first else {
            if !ScheduleKey.timings.contains(where: fields.meant.contains) {
                let remedy = "add one of cron: \"5 0 * * *\", every: 15m, once: 2026-01-31T08:00:00+07:00"
                yaml.report(key, "\(what) does not say when it is due", remedy: remedy)
            }
            return nil
        }
        for (other, field) in given.dropFirst() {
            let message = "\(what) says twice when it is due: \(chosen.rawValue) and \(other.rawValue)"
            yaml.report(field.key, message, remedy: "keep one of them; two timings are two schedules")
        }
        switch chosen {
        case .cron: return cron(field.value)
        case .every: return yaml.positiveDuration(field.value, "every").map(ScheduleTiming.every)
        default: return once(field.value)
        }
    }

    private mutating func cron(_ node: Node) -> ScheduleTiming? {
        guard let text = yaml.text(node, "cron") else { return nil }
        do throws(CronError) {
            return .cron(try Cron(parsing: text))
        } catch {
            let message = "\"\(text)\" is not a cron expression: \(error.problem)"
            yaml.report(node, character: error.column, message, remedy: error.remedy)
            return nil
        }
    }

    private mutating func once(_ node: Node) -> ScheduleTiming? {
        if let instant = node.scalar.flatMap({ Instant($0.string) }) { return .once(instant) }
        let message = "once must be an instant with its offset, not \(YAMLReader.found(node))"
        yaml.report(node, message, remedy: "write it as 2026-01-31T08:00:00+07:00")
        return nil
    }

    /// The zone; only a cron expression needs one, the others are shown in UTC without it.
    mutating func zone(_ fields: Fields, of what: String, at key: Node) -> Zone? {
        if fields[.timeZone] == nil, fields[.cron] != nil {
            if fields.isMissing(.timeZone) {
                let message = "\(what) has a cron expression and no time_zone"
                yaml.report(key, message, remedy: "add time_zone: Asia/Phnom_Penh, or the zone that is meant")
            }
            return nil
        }
        let node = fields[.timeZone]?.value
        guard let name = node.map({ yaml.text($0, "time_zone") }) ?? "UTC" else { return nil }
        do throws(ZoneError) {
            return try Zone(named: name)
        } catch {
            yaml.report(node ?? key, "\(error)")
            return nil
        }
    }
}
