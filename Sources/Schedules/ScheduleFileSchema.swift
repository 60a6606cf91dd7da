/// The JSON Schema of schedule files, for editors that complete and check while one types.
///
/// It is rendered from the keys the reader reads. It knows less than the reader: cron expressions, zones, jobs and
/// their parameters are checked by `bursar check` only.
package enum ScheduleFileSchema {
    /// The schema as it ships in `schedules/schedule.schema.json`, ending in a line end.
    package static var text: String { schema.prettyText + "\n" }

    private static var schema: JSONValue {
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
