/// The JSON Schema of schedule files, for editors that complete and check while one types.
///
/// It is rendered from the keys the reader reads. It knows less than the reader: cron expressions and zones are checked by
/// `bursar check` only.
package enum ScheduleFileSchema {
    /// The schema without jobs, ending in a line end.
    package static var text: String { text(for: JobCatalogue([])) }

    /// The schema as it ships in `schedules/schedule.schema.json`, with the parameters of these jobs.
    package static func text(for jobs: JobCatalogue) -> String { schema(for: jobs).prettyText + "\n" }

    private static func schema(for jobs: JobCatalogue) -> JSONValue {
        var schema = common
        // draft-07: beside a $ref nothing counts, so the parameters stand in conditions of their own.
        guard !jobs.all.isEmpty, case .object(var members) = schema else { return schema }
        members["definitions"] = .object(
            Dictionary(uniqueKeysWithValues: jobs.all.map { ($0.name, $0.parameterSchema) })
        )
        let conditions = jobs.all.map { job -> JSONValue in
            [
                "if": ["properties": ["job": ["const": .text(job.name)]]],
                "then": ["properties": ["parameters": ["$ref": .text("#/definitions/\(job.name)")]]],
            ]
        }
        members["properties"] = members["properties"]?.adding(
            ["allOf": .list(conditions)],
            at: ["schedules", "patternProperties", SchemaWords.nameText]
        )
        schema = .object(members)
        return schema
    }

    private static var common: JSONValue {
        SchemaWords.mapping(
            FileKey.self,
            required: FileKey.allCases,
            and: [
                "$schema": "http://json-schema.org/draft-07/schema#",
                "title": "Bursar schedule file",
                "description": "What runs when. Reference: docs/schedule-files.md",
            ]
        )
    }
}

extension JSONValue {
    /// The value with members added to the object at a path of keys.
    fileprivate func adding(_ more: [String: JSONValue], at path: ArraySlice<String>) -> JSONValue {
        guard case .object(var members) = self else { return self }
        guard let key = path.first else { return .object(members.merging(more) { _, new in new }) }
        members[key] = members[key]?.adding(more, at: path.dropFirst())
        return .object(members)
    }

    fileprivate func adding(_ more: [String: JSONValue], at path: [String]) -> JSONValue { adding(more, at: path[...]) }
}

extension JobSignature {
    /// The parameters in the words of JSON Schema.
    fileprivate var parameterSchema: JSONValue {
        var properties: [String: JSONValue] = [:]
        for field in fields { properties[field.name] = field.schema }
        var schema: [String: JSONValue] = [
            "type": "object", "additionalProperties": false, "properties": .object(properties),
        ]
        let required = fields.filter(\.isRequired).map { JSONValue.text($0.name) }
        if !required.isEmpty { schema["required"] = .list(required) }
        return .object(schema)
    }
}

extension ParameterField {
    fileprivate var schema: JSONValue {
        guard case .object(var schema) = kind.schema else { return kind.schema }
        if !help.isEmpty { schema["description"] = .text(help) }
        if leastCount > 0 { schema["minItems"] = .integer(Int64(leastCount)) }
        if let range, kind == .integer {
            schema["minimum"] = .integer(range.lowerBound)
            schema["maximum"] = .integer(range.upperBound)
        }
        return .object(schema)
    }
}

extension ParameterKind {
    fileprivate var schema: JSONValue {
        switch self {
        case .integer: ["type": "integer"]
        // A number without quotes is a text where a text is wanted.
        case .text: ["type": ["string", "number", "boolean"]]
        case .boolean: ["type": "boolean"]
        case .duration: SchemaWords.duration
        case .date: ["type": "string", "format": "date"]
        case .instant: ["type": "string", "format": "date-time"]
        case .choice(let words): ["type": "string", "enum": .list(words.map(JSONValue.text))]
        case .shaped(let shape): ["type": "string", "pattern": .text(shape.pattern)]
        case .list(let element): ["type": "array", "items": element.schema]
        case .mapping(let names, let element):
            [
                "type": "object", "additionalProperties": false,
                "patternProperties": .object([names.pattern: element.schema]),
            ]
        }
    }
}
