/// The words of JSON Schema that the keys share.
package enum SchemaWords {
    static let nameText = "^[a-z]([a-z0-9-]{0,\(ScheduleLimits.nameLength - 2)}[a-z0-9])?$"
    static let nameSchema: JSONValue = ["type": "string", "pattern": .text(nameText)]
    package static let text: JSONValue = ["type": "string", "minLength": 1]
    package static let duration: JSONValue = [
        "type": "string",
        "pattern": "^(?=.)([0-9]{1,10}d)?([0-9]{1,10}h)?([0-9]{1,10}m)?([0-9]{1,10}s)?$",
    ]

    package static func choice<Choice: RawRepresentable<String> & CaseIterable>(of choices: Choice.Type) -> JSONValue {
        ["type": "string", "enum": .list(Choice.allCases.map { .text($0.rawValue) })]
    }

    package static func integer(in range: ClosedRange<Int64>) -> JSONValue {
        ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)]
    }

    /// A mapping with these keys and no others.
    package static func mapping<Key: ScheduleFileKey>(
        _ keys: Key.Type,
        required: [Key],
        and more: [String: JSONValue] = [:]
    ) -> JSONValue {
        let properties = Key.allCases.map { key -> (String, JSONValue) in
            guard case .object(var schema) = key.schema else { return (key.rawValue, key.schema) }
            schema["description"] = .text(key.help)
            return (key.rawValue, .object(schema))
        }
        var schema: [String: JSONValue] = [
            "type": "object", "additionalProperties": false,
            "properties": .object(Dictionary(uniqueKeysWithValues: properties)),
        ]
        if !required.isEmpty { schema["required"] = .list(required.map { .text($0.rawValue) }) }
        return .object(schema.merging(more) { _, new in new })
    }
}

extension FileKey {
    var help: String {
        switch self {
        case .version: "The version of the file format."
        case .schedules: "The schedules by name; a name is unique over all files, and a renamed schedule is a new one."
        }
    }

    var schema: JSONValue {
        switch self {
        case .version: ["const": 1]
        case .schedules:
            [
                "type": "object", "additionalProperties": false,
                "patternProperties": .object([SchemaWords.nameText: ScheduleKey.entry]),
            ]
        }
    }
}

extension ScheduleKey {
    /// One schedule: a job, and exactly one key that says when it is due.
    static var entry: JSONValue {
        let timings = timings.map { key -> JSONValue in
            let required = key == .cron ? [key, .timeZone] : [key]
            return ["required": .list(required.map { .text($0.rawValue) })]
        }
        return SchemaWords.mapping(
            ScheduleKey.self,
            required: [.job],
            and: ["oneOf": .list(timings), "dependencies": .object([dst.rawValue: .list([.text(cron.rawValue)])])]
        )
    }

    var help: String {
        switch self {
        case .job: "The job that runs."
        case .description: "What the schedule is for."
        case .owner: "Whom to ask about it, such as a mail address."
        case .cron: "When it is due: minute, hour, day of month, month, day of week; or @daily and its kin."
        case .every: "Due every so often, counted from 1970-01-01 00:00 UTC."
        case .once: "Due at one instant, RFC 3339 with its offset."
        case .timeZone: "The zone of the cron expression, by its name in the system's tzdata."
        case .dst: "What happens to fixed times when clocks change; without it, what Debian's cron does."
        case .misfire: "What happens to fires that were due while nobody was there."
        case .overlap: "What happens to a fire while an earlier run is ready or running."
        case .after: "Schedules whose runs of the same local day must have succeeded before a run starts."
        case .startWithin: "A run that has not started so long after its fire raises an alarm. Default: 30m."
        case .deadline: "The time an attempt may take before it is cancelled. Default: 1h."
        case .jitter: "Runs start up to so much later than their fire, at random. Default: 0s."
        case .retry: "How an attempt that failed for a passing reason is tried again."
        case .enabled: "Whether the schedule fires at all. Default: true."
        case .environments: "The kinds of installation in which it fires. Default: all."
        case .parameters: "The job's parameters."
        }
    }

    var schema: JSONValue {
        switch self {
        case .job, .description, .owner, .cron, .timeZone: SchemaWords.text
        case .every, .startWithin, .deadline, .jitter: SchemaWords.duration
        case .once: ["type": "string", "format": "date-time"]
        case .dst: SchemaWords.mapping(DSTKey.self, required: DSTKey.allCases)
        case .misfire: SchemaWords.mapping(MisfireKey.self, required: [.policy])
        case .overlap: SchemaWords.choice(of: OverlapPolicy.self)
        case .after: ["type": "array", "minItems": 1, "uniqueItems": true, "items": SchemaWords.nameSchema]
        case .retry: SchemaWords.mapping(RetryKey.self, required: [])
        case .enabled: ["type": "boolean"]
        case .environments:
            [
                "type": "array", "minItems": 1, "uniqueItems": true,
                "items": SchemaWords.choice(of: ScheduleEnvironment.self),
            ]
        case .parameters: ["type": "object"]
        }
    }
}

extension DSTKey {
    var help: String {
        switch self {
        case .missing: "A time that does not exist because clocks go forward: skip it, or shift it to after the gap."
        case .repeated: "A time that comes twice because clocks go back: the first, the last, or both."
        }
    }

    var schema: JSONValue {
        switch self {
        case .missing: SchemaWords.choice(of: DSTPolicy.Missing.self)
        case .repeated: SchemaWords.choice(of: DSTPolicy.Repeated.self)
        }
    }
}

extension MisfireKey {
    var help: String {
        switch self {
        case .policy:
            "skip: none; once: one run for all; each: a run for each; last: the newest; ask: an operator decides."
        case .within: "Older fires than this are never caught up. Default: 1d."
        case .limit: "At most so many fires are caught up after one gap, the newest. Default: 100; for last, 1."
        }
    }

    var schema: JSONValue {
        switch self {
        case .policy: SchemaWords.choice(of: MisfirePolicy.Policy.self)
        case .within: SchemaWords.duration
        case .limit: SchemaWords.integer(in: ScheduleLimits.misfireLimit)
        }
    }
}

extension RetryKey {
    var help: String {
        switch self {
        case .attempts: "Attempts in all, the first one included. Default: 8."
        case .initial: "The wait before the second attempt; it doubles each time. Default: 30s."
        case .max: "The longest wait. Default: 1h."
        case .jitter: "The share by which a wait varies at random, 0 to 1. Default: 0.2."
        }
    }

    var schema: JSONValue {
        switch self {
        case .attempts: SchemaWords.integer(in: ScheduleLimits.attempts)
        case .initial, .max: SchemaWords.duration
        case .jitter: ["type": "number", "minimum": 0, "maximum": 1]
        }
    }
}
