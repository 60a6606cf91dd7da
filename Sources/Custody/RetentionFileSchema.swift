internal import Schedules

/// The JSON Schema of retention policies, for editors that complete and check while one types.
///
/// It is rendered from the keys that the reader reads and the tables that may be purged. It knows less than the reader: floors,
/// ceilings and a table that is named twice are checked by `bursar check` only.
package enum RetentionFileSchema {
    /// The schema as it ships in `schedules/policies/retention.schema.json`, ending in a line end.
    package static var text: String {
        SchemaWords.mapping(
            RetentionFileKey.self,
            required: RetentionFileKey.allCases,
            and: [
                "$schema": "http://json-schema.org/draft-07/schema#",
                "title": "Bursar retention policies",
                "description": "What is purged, and when. Reference: docs/retention.md",
            ]
        ).prettyText + "\n"
    }

    /// A policy, and for each table the clock and the action that go with it.
    static var policy: JSONValue {
        let ways = PurgeTable.allCases.map { table -> JSONValue in
            var then: [String: JSONValue] = [
                RetentionKey.clock.rawValue: ["const": .text(table.clock)],
                RetentionKey.action.rawValue: ["const": .text(table.action.rawValue)],
            ]
            if !table.hasTenants { then[RetentionKey.tenants.rawValue] = ["maxProperties": 0] }
            return [
                "if": ["properties": .object([RetentionKey.table.rawValue: ["const": .text(table.rawValue)]])],
                "then": ["properties": .object(then)],
            ]
        }
        return SchemaWords.mapping(
            RetentionKey.self,
            required: [.table, .clock, .keep, .action, .legalBasis],
            and: ["allOf": .list(ways)]
        )
    }
}

extension RetentionFileKey {
    var help: String {
        switch self {
        case .version: "The version of the file format."
        case .retention: "The policies, one a table; tables that none of them names are never touched."
        }
    }

    var schema: JSONValue {
        switch self {
        case .version: ["const": 1]
        case .retention: ["type": "array", "items": RetentionFileSchema.policy]
        }
    }
}

extension RetentionKey {
    var help: String {
        switch self {
        case .table: "What is purged: a table, or a column of one that is emptied."
        case .clock: "The column that a row is as old as."
        case .keep: "How long after its clock a row is kept."
        case .action: "How rows go: deleted, dropped by the month, or emptied while they stay."
        case .legalBasis: "On what law or rule, in your words."
        case .floor: "Nobody keeps less. Default: the program's own, below which it cannot be."
        case .tenantOverride: "The bounds of tenants with times of their own."
        case .tenants: "Other times, by the tenant's external reference."
        case .batch: "How many rows one transaction takes at most. Default: 200."
        case .pause: "The rest between two batches, in milliseconds. Default: 50."
        case .lockTimeout: "How long a statement waits for a lock, in milliseconds. Default: 500."
        case .maxRowsPerRun: "More of them need a person. Default: 1000000."
        case .maxPercent: "A larger share of the table needs a person. Default: 50."
        case .observeDays: "Days from when it was first seen in which its rows are only counted. Default: 14."
        }
    }

    var schema: JSONValue {
        switch self {
        case .table: SchemaWords.choice(of: PurgeTable.self)
        case .clock:
            ["type": "string", "enum": .list(Set(PurgeTable.allCases.map(\.clock)).sorted().map { .text($0) })]
        case .action: SchemaWords.choice(of: PurgeAction.self)
        case .keep, .floor: SchemaWords.duration
        case .legalBasis: SchemaWords.text
        case .tenantOverride: SchemaWords.mapping(RetentionBoundKey.self, required: [])
        case .tenants: ["type": "object", "additionalProperties": SchemaWords.duration]
        case .batch: SchemaWords.integer(in: RetentionRange.batch)
        case .pause: SchemaWords.integer(in: RetentionRange.pause)
        case .lockTimeout: SchemaWords.integer(in: RetentionRange.lockTimeout)
        case .maxRowsPerRun: SchemaWords.integer(in: RetentionRange.rows)
        case .maxPercent: SchemaWords.integer(in: RetentionRange.percent)
        case .observeDays: SchemaWords.integer(in: RetentionRange.days)
        }
    }
}

extension RetentionBoundKey {
    var help: String {
        switch self {
        case .floor: "No tenant keeps less."
        case .ceiling: "No tenant keeps more."
        }
    }

    var schema: JSONValue { SchemaWords.duration }
}
