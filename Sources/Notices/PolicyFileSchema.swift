internal import Schedules

/// The JSON Schema of dunning policies, for editors that complete and check while one types.
///
/// It is rendered from the keys that the reader reads, and knows less than the reader: what steps must be together is checked
/// by `bursar check` only.
package enum PolicyFileSchema {
    /// The schema as it ships in `schedules/policies/dunning.schema.json`, ending in a line end.
    package static var text: String {
        SchemaWords.mapping(
            PolicyFileKey.self,
            required: [.version, .policy],
            and: [
                "$schema": "http://json-schema.org/draft-07/schema#",
                "title": "Bursar dunning policy",
                "description": "Who is told what about an unpaid invoice, and when. Reference: docs/dunning.md",
            ]
        ).prettyText + "\n"
    }

    static let name: JSONValue = ["type": "string", "pattern": "^[a-z][a-z0-9_-]{0,39}$"]
    static let time: JSONValue = ["type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"]
    static let hours = SchemaWords.mapping(PolicyHoursKey.self, required: PolicyHoursKey.allCases)
    static let offset = SchemaWords.integer(in: PolicyReader.offsets)
    static let category: JSONValue = ["type": "string", "enum": .list(NoticeCatalogue.dunning.map { .text($0.name) })]
    static let channels: JSONValue = [
        "type": "array", "minItems": 1, "uniqueItems": true, "items": SchemaWords.choice(of: NoticeChannel.self),
    ]
}

extension PolicyFileKey {
    var help: String {
        switch self {
        case .version: "The version of the file format."
        case .policy: "The policy for all tenants that have none of their own."
        case .tenants: "What tenants have otherwise, by external reference."
        }
    }

    var schema: JSONValue {
        switch self {
        case .version: ["const": 1]
        case .policy: SchemaWords.mapping(PolicyKey.self, required: [.steps])
        case .tenants:
            [
                "type": "object",
                "additionalProperties": SchemaWords.mapping(TenantPolicyKey.self, required: [.steps]),
            ]
        }
    }
}

extension PolicyKey {
    var help: String {
        switch self {
        case .steps: "What is said on which day, in the order of offset_days."
        case .quiet: "The hours, in the payer's zone, at which nobody is disturbed. Default: 20:00 to 08:00."
        case .calendar: "The name of a file in calendars/, without its ending. Default: no day is closed."
        case .freshness: "After the due date nobody is reminded by older bank data. Default: 15m."
        case .approveAbove: "A run that would plan more notices waits for approval. Default: no limit."
        case .paymentGraceDays: "The shortest payment grace of the invoices, for the check of the final notice."
        case .suspension: "Whether unpaid subscriptions are suspended. Default: no."
        }
    }

    var schema: JSONValue {
        switch self {
        case .steps:
            [
                "type": "array", "minItems": 1,
                "items": SchemaWords.mapping(PolicyStepKey.self, required: [.id, .offsetDays, .category]),
            ]
        case .quiet: PolicyFileSchema.hours
        case .calendar: PolicyFileSchema.name
        case .freshness: SchemaWords.duration
        case .approveAbove: SchemaWords.integer(in: PolicyReader.approvals)
        case .paymentGraceDays: SchemaWords.integer(in: PolicyReader.graces)
        case .suspension: SchemaWords.mapping(PolicySuspensionKey.self, required: [.enabled])
        }
    }
}

extension PolicyStepKey {
    var help: String {
        switch self {
        case .id: "Its name, which stays: an invoice gets each id once per channel."
        case .offsetDays: "Days from the due date: negative before it, positive after it."
        case .at: "The payer's local time, outside of the quiet hours. Default: 09:00."
        case .category: "What is said."
        case .template: "The name of its templates. Default: the category."
        case .channels: "The first is tried first, the next where it fails. Default: what the category says."
        case .validFor:
            "Later than that it is dropped, counted from the planned instant. Default: what the category says."
        }
    }

    var schema: JSONValue {
        switch self {
        case .id, .template: PolicyFileSchema.name
        case .offsetDays: PolicyFileSchema.offset
        case .at: PolicyFileSchema.time
        case .category: PolicyFileSchema.category
        case .channels: PolicyFileSchema.channels
        case .validFor: SchemaWords.duration
        }
    }
}

extension TenantStepKey {
    var help: String { ofStep.help }
    var schema: JSONValue { ofStep.schema }
}

extension TenantPolicyKey {
    var help: String { "Steps by id: off, what is changed of a step, or a step that is added." }

    var schema: JSONValue {
        [
            "type": "object",
            "additionalProperties": [
                "anyOf": [["const": "off"], SchemaWords.mapping(TenantStepKey.self, required: [])]
            ],
        ]
    }
}

extension PolicyHoursKey {
    var help: String {
        switch self {
        case .from: "The first minute of it."
        case .until: "The first minute after it."
        }
    }

    var schema: JSONValue { PolicyFileSchema.time }
}

extension PolicySuspensionKey {
    var help: String {
        switch self {
        case .enabled: "Whether it happens at all."
        case .minimumNotice: "How long before it the final notice must have been accepted. Default: 72h."
        case .window: "The local hours of an open day at which it happens. Default: 09:00 to 16:00."
        }
    }

    var schema: JSONValue {
        switch self {
        case .enabled: ["type": "boolean"]
        case .minimumNotice: SchemaWords.duration
        case .window: PolicyFileSchema.hours
        }
    }
}
