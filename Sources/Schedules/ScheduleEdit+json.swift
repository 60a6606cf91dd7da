internal import CivilTime

extension ScheduleEdit {
    /// The changes as JSON: what a proposal keeps, and `bursar plan --json` prints.
    ///
    /// Instants stand twice, in UTC and in the schedule's zone.
    package var json: JSONValue { .list(changes.map(\.json)) }
}

extension ScheduleEdit.Change {
    /// One schedule's change as a JSON object.
    package var json: JSONValue {
        .object([
            "schedule": .text(name),
            "change": .text(kind.rawValue),
            "time_zone": .text(zone.name),
            "fields": .list(
                fields.map { field in
                    .object([
                        "field": .text(field.name), "was": field.was ?? .null, "becomes": field.becomes ?? .null,
                    ])
                }
            ),
            "next": .list(next.map(instant)),
            "lost": .list(lost.map(instant)),
            "lost_count": .integer(Int64(lostCount)),
            "doubled": .list(doubled.map(instant)),
            "notes": .list(notes.map(JSONValue.text)),
        ])
    }

    private func instant(_ instant: Instant) -> JSONValue {
        .object(["utc": .text(instant.description), "local": .text(instant.description(in: zone))])
    }
}
