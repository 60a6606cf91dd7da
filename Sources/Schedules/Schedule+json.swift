internal import CivilTime

extension Schedule {
    /// The whole definition as canonical JSON, with the words of the schedule file and every default written out.
    ///
    /// Without the name, which stands beside it, and without the position, which is no part of what the schedule does.
    /// Two schedules do the same exactly when these texts are equal.
    package var definitionJSON: String {
        JSONValue.object(definition).canonicalText
    }

    /// The definition's members by the keys of the file.
    var definition: [String: JSONValue] {
        var values: [ScheduleKey: JSONValue] = [
            .job: .text(job),
            .timeZone: .text(timeZone),
            .misfire: misfire.json,
            .overlap: .text(overlap.rawValue),
            .startWithin: .text(startWithin.scheduleText),
            .deadline: .text(deadline.scheduleText),
            .jitter: .text(jitter.scheduleText),
            .retry: retry.json,
            .enabled: .boolean(isEnabled),
            .environments: .list(environments.map(\.rawValue).sorted().map(JSONValue.text)),
        ]
        switch timing {
        case .cron(let cron): values[.cron] = .text(cron.description)
        case .every(let interval): values[.every] = .text(interval.scheduleText)
        case .once(let instant): values[.once] = .text(instant.description)
        }
        values[.description] = description.map(JSONValue.text)
        values[.owner] = owner.map(JSONValue.text)
        values[.dst] = dst?.json
        values[.after] = after.isEmpty ? nil : .list(after.map(JSONValue.text))
        values[.parameters] = (try? JSONValue(parsing: parametersJSON)) ?? .object([:])
        return Dictionary(uniqueKeysWithValues: values.map { ($0.key.rawValue, $0.value) })
    }

    /// Reads a definition back, as the engine stored it; the order of keys and the spaces do not matter.
    /// - Throws: the definition is not one this version of Bursar understands.
    package init(name: String, definitionJSON: String) throws(ScheduleProblems) {
        let file = "definition of \(name)"
        var reader = ScheduleReader(file: file, catalogue: nil)
        // JSON is YAML, so one reader serves both and a stored definition is checked like a file.
        let schedule = reader.definition(definitionJSON, name: name)
        guard var schedule, reader.problems.isEmpty else { throw ScheduleProblems(reader.problems) }
        schedule.position = nil
        self = schedule
    }
}

extension MisfirePolicy {
    var json: JSONValue {
        .object([
            MisfireKey.policy.rawValue: .text(policy.rawValue),
            MisfireKey.within.rawValue: .text(within.scheduleText),
            MisfireKey.limit.rawValue: .integer(Int64(limit)),
        ])
    }
}

extension RetryRule {
    var json: JSONValue {
        .object([
            RetryKey.attempts.rawValue: .integer(Int64(attempts)),
            RetryKey.initial.rawValue: .text(initial.scheduleText),
            RetryKey.max.rawValue: .text(max.scheduleText),
            RetryKey.jitter.rawValue: .number(jitter),
        ])
    }
}

extension DSTPolicy {
    var json: JSONValue {
        .object([
            DSTKey.missing.rawValue: .text(missing.rawValue),
            DSTKey.repeated.rawValue: .text(repeated.rawValue),
        ])
    }
}
