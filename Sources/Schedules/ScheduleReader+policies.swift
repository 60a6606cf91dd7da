internal import CivilTime
internal import Yams

/// The keys that a schedule may leave out.
extension ScheduleReader {
    typealias Changes = [(inout Schedule) -> Void]

    mutating func readTexts(_ fields: Fields, _ changes: inout Changes) {
        if let text = fields[.description].flatMap({ yaml.text($0.value, "description") }) {
            changes.append { $0.description = text }
        }
        if let text = fields[.owner].flatMap({ yaml.text($0.value, "owner") }) {
            changes.append { $0.owner = text }
        }
    }

    mutating func readPolicies(_ fields: Fields, _ changes: inout Changes) {
        if let dst = fields[.dst].flatMap({ dst($0, fields) }) {
            changes.append { $0.dst = dst }
        }
        if let misfire = fields[.misfire].flatMap({ misfire($0.value) }) {
            changes.append { $0.misfire = misfire }
        }
        if let overlap = fields[.overlap].flatMap({ yaml.choice($0.value, "overlap", of: OverlapPolicy.self) }) {
            changes.append { $0.overlap = overlap }
        }
        if let after = fields[.after].flatMap({ predecessors($0.value) }) {
            changes.append { $0.after = after }
        }
        if let retry = fields[.retry].flatMap({ retry($0.value) }) {
            changes.append { $0.retry = retry }
        }
        if let enabled = fields[.enabled].flatMap({ yaml.boolean($0.value, "enabled") }) {
            changes.append { $0.isEnabled = enabled }
        }
        if let environments = fields[.environments].flatMap({ environments($0.value) }) {
            changes.append { $0.environments = environments }
        }
    }

    mutating func readDurations(_ fields: Fields, every timing: ScheduleTiming?, _ changes: inout Changes) {
        if let duration = fields[.startWithin].flatMap({ yaml.positiveDuration($0.value, "start_within") }) {
            changes.append { $0.startWithin = duration }
        }
        if let duration = fields[.deadline].flatMap({ yaml.positiveDuration($0.value, "deadline") }) {
            changes.append { $0.deadline = duration }
        }
        guard let field = fields[.jitter], let jitter = yaml.duration(field.value, "jitter") else { return }
        if case .every(let interval) = timing, jitter >= interval {
            let message = "jitter \(jitter.scheduleText) is not shorter than every \(interval.scheduleText)"
            yaml.report(field.value, message, remedy: "keep it below the interval, or runs change places")
        }
        changes.append { $0.jitter = jitter }
    }

    private mutating func dst(_ field: YAMLReader.Field, _ fields: Fields) -> DSTPolicy? {
        if fields[.cron] == nil, let timing = ScheduleKey.timings.first(where: { fields[$0] != nil }) {
            let message = "dst is for cron expressions; \(timing.rawValue) does not depend on clock changes"
            yaml.report(field.key, message, remedy: "leave dst out")
            return nil
        }
        guard let keys = yaml.fields(of: field.value, "dst", keys: DSTKey.self) else { return nil }
        for key in DSTKey.allCases where keys.isMissing(key) {
            let remedy = "write both, as in { missing: shift, repeated: first }"
            yaml.report(field.value, "dst does not say what happens to a \(key.rawValue) time", remedy: remedy)
        }
        let missing = keys[.missing].flatMap { yaml.choice($0.value, "missing", of: DSTPolicy.Missing.self) }
        let repeated = keys[.repeated].flatMap { yaml.choice($0.value, "repeated", of: DSTPolicy.Repeated.self) }
        guard let missing, let repeated else { return nil }
        return DSTPolicy(missing: missing, repeated: repeated)
    }

    private mutating func misfire(_ node: Node) -> MisfirePolicy? {
        guard let keys = yaml.fields(of: node, "misfire", keys: MisfireKey.self) else { return nil }
        var misfire = MisfirePolicy()
        if let field = keys[.policy] {
            misfire.policy = yaml.choice(field.value, "policy", of: MisfirePolicy.Policy.self) ?? misfire.policy
        } else if keys.isMissing(.policy) {
            let policies = MisfirePolicy.Policy.allCases.map(\.rawValue).joined(separator: ", ")
            yaml.report(node, "misfire has no policy", remedy: "add policy: and one of \(policies)")
        }
        if let field = keys[.within] {
            misfire.within = yaml.positiveDuration(field.value, "within") ?? misfire.within
        }
        misfire.limit = MisfirePolicy.standardLimit(of: misfire.policy)
        if let field = keys[.limit] {
            misfire.limit = yaml.integer(field.value, "limit", in: ScheduleLimits.misfireLimit) ?? misfire.limit
        }
        return misfire
    }

    private mutating func retry(_ node: Node) -> RetryRule? {
        guard let keys = yaml.fields(of: node, "retry", keys: RetryKey.self) else { return nil }
        var retry = RetryRule()
        if let field = keys[.attempts] {
            retry.attempts = yaml.integer(field.value, "attempts", in: ScheduleLimits.attempts) ?? retry.attempts
        }
        if let field = keys[.initial] {
            retry.initial = yaml.positiveDuration(field.value, "initial") ?? retry.initial
        }
        if let field = keys[.max] {
            retry.max = yaml.positiveDuration(field.value, "max") ?? retry.max
        }
        if let field = keys[.jitter] {
            retry.jitter = yaml.share(field.value, "jitter", in: ScheduleLimits.jitter) ?? retry.jitter
        }
        if retry.max < retry.initial {
            let waits = "max \(retry.max.scheduleText) is shorter than initial \(retry.initial.scheduleText)"
            yaml.report((keys[.max] ?? keys[.initial])?.value ?? node, waits, remedy: "max is the longest wait")
        }
        return retry
    }

    private mutating func environments(_ node: Node) -> Set<ScheduleEnvironment>? {
        let all = ScheduleEnvironment.allCases.map(\.rawValue).joined(separator: ", ")
        guard let sequence = node.sequence, !sequence.isEmpty else {
            let message = "environments must be a list of one or more, not \(YAMLReader.found(node))"
            yaml.report(node, message, remedy: "write [\(all)] or fewer of them")
            return nil
        }
        var environments: Set<ScheduleEnvironment> = []
        for element in sequence {
            let environment = yaml.choice(element, "an environment", of: ScheduleEnvironment.self)
            if let environment, !environments.insert(environment).inserted {
                yaml.report(element, "\(environment.rawValue) stands twice in environments", remedy: "name it once")
            }
        }
        return environments
    }
}
