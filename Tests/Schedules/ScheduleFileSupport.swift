import CivilTime
import Schedules

/// What the schedule file tests share: a catalogue, and files around one entry.
enum ScheduleFileSupport {
    static let catalogue = JobCatalogue([
        JobSignature(
            name: "renewals",
            description: "Issues the invoices that are due",
            fields: [
                ParameterField("chunk", .integer, default: "500", in: 1...10_000, help: "subscriptions a transaction"),
                ParameterField("dry", .boolean),
                ParameterField("label", .text),
                ParameterField("since", .date),
                ParameterField("pause", .duration),
                ParameterField("at", .instant),
                ParameterField("mode", .choice(["fast", "slow"])),
                ParameterField("tenants", .list(.integer)),
            ]
        ),
        JobSignature(name: "retention-purge", fields: [ParameterField("table", .text, required: true)]),
    ])

    /// A file with one good entry and more lines in it; the first of these is line 7, its key in column 5.
    static func file(with lines: String = "") -> String {
        """
        version: 1
        schedules:
          renewals:
            job: renewals
            cron: "5 0 * * *"
            time_zone: Asia/Phnom_Penh

        """ + lines.split(separator: "\n").map { "    \($0)\n" }.joined()
    }

    static func read(_ text: String) throws(ScheduleProblems) -> ScheduleSet {
        try ScheduleSet.read(text, file: "billing.yaml", catalogue: catalogue)
    }

    static func problems(of text: String) -> [FileProblem] {
        do throws(ScheduleProblems) {
            _ = try read(text)
            return []
        } catch {
            return error.problems
        }
    }

    static func instant(_ text: String) -> Instant {
        Instant(text) ?? .epoch
    }
}
