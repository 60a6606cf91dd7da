internal import Glibc
package import JobKit
package import Schedules

/// Does nothing, waits, or writes rows of a ledger, as it is told: what fault tests and benches run by the thousand.
///
/// Known only to nodes in development.
package struct Trial: Job {
    package struct Parameters: JobParameters {
        /// Rows of the ledger to write, each in a chunk of its own.
        package let entries: Int
        /// How long to wait before the first.
        package let milliseconds: Int

        package init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            entries = try values.decodeIfPresent(Int.self, forKey: .entries) ?? 0
            milliseconds = try values.decodeIfPresent(Int.self, forKey: .milliseconds) ?? 0
        }

        package static let fields = [
            ParameterField("entries", .integer, default: "0", in: 0...1000, help: "Rows of the ledger to write."),
            ParameterField("milliseconds", .integer, default: "0", in: 0...60_000, help: "How long to wait first."),
        ]
    }

    package static let name: JobName = "trial"
    package static let summary = "Do nothing, or write rows of a ledger: for fault tests and benches"

    private let effect: any TrialEffect

    package init(_ effect: any TrialEffect) { self.effect = effect }

    /// Says at which instant it began, in nanoseconds of the machine's monotonic clock.
    package func run(_ parameters: Parameters, in context: JobContext) async throws -> Outcome {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        if parameters.milliseconds > 0 {
            // Waiting: it was told to.
            try await Task.sleep(for: .milliseconds(parameters.milliseconds))
        }
        try await context.carryOut(effect, times: parameters.entries)
        return .succeeded("began \(now.tv_sec * 1_000_000_000 + now.tv_nsec)")
    }

    package func postcondition(_ parameters: Parameters, in context: JobContext) async throws -> Postcondition {
        context.checkpoint.counters["written", default: 0] == Int64(parameters.entries)
            ? .held : .broken("\(context.checkpoint.counters["written", default: 0]) of \(parameters.entries) written")
    }
}
