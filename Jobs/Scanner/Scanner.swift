package import JobKit
package import Schedules

/// Checks the scheduler itself: every due fire has its row or its gap, every run comes to an end, no lease is older than it
/// may be.
///
/// What it finds are alarms, which clear when a later look no longer finds them. A finding does not fail the run: the look
/// was done.
package struct Scanner: Job {
    package struct Parameters: JobParameters {
        package init() {}

        package static let fields: [ParameterField] = []
    }

    package static let name: JobName = "scanner"
    package static let summary = "Check that the scheduler did what it promises"

    private let inspection: any Inspection

    package init(_ inspection: any Inspection) { self.inspection = inspection }

    package func run(_ parameters: Parameters, in context: JobContext) async throws -> Outcome {
        let findings = try await context.carryOut(inspection)
        guard !findings.isEmpty else { return .succeeded("found nothing") }
        let shown = findings.prefix(3).map(\.text).joined(separator: "; ")
        let more = findings.count > 3 ? "; and \(findings.count - 3) more" : ""
        return .succeeded("found \(findings.count): \(shown)\(more)")
    }

    package func postcondition(_ parameters: Parameters, in context: JobContext) async throws -> Postcondition { .held }
}
