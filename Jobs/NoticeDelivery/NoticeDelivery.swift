package import JobKit
package import Notices
package import Schedules

/// Sends the notices whose time has come: plans those of events, groups what a payer is told on a channel and day, checks once
/// more whether it is still to be said, sends, and records what came of it.
package struct NoticeDelivery: Job {
    package struct Parameters: JobParameters {
        /// How many notices one transaction claims.
        package let chunk: Int

        package init(chunk: Int = 500) { self.chunk = chunk }

        package init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            chunk = try values.decodeIfPresent(Int.self, forKey: .chunk) ?? 500
        }

        package static let fields = [
            ParameterField(
                "chunk",
                .integer,
                default: "500",
                in: 1...5000,
                help: "How many notices one transaction claims."
            )
        ]
    }

    package static let name: JobName = "notice-delivery"
    package static let summary = "Send the notices whose time has come"
    package static var limits: JobLimits { JobLimits(atOnce: 1) }

    private let house: @Sendable () -> DeliveryHouse?
    private let inspection: any Inspection

    /// The house is what this node delivers with; nil while its files cannot be used.
    package init(_ house: @escaping @Sendable () -> DeliveryHouse?, inspection: any Inspection) {
        self.house = house
        self.inspection = inspection
    }

    package func run(_ parameters: Parameters, in context: JobContext) async throws -> Outcome {
        guard let house = house() else {
            throw JobError(.transient, "the files of notices of this node cannot be used; bursar status says why")
        }
        let work = DeliveryWork(context.alongIndexes, house: house, chunk: parameters.chunk)
        try await work.recover()
        try await work.readReports()
        try await work.tellEvents()
        try await work.sendAll(step: "send")
        _ = try await context.carryOut(inspection)
        return .succeeded(work.report)
    }

    package func postcondition(_ parameters: Parameters, in context: JobContext) async throws -> Postcondition {
        if context.run.isDryRun { return .held }
        let run = context.run
        let left = try await context.read {
            try await NoticesUndone.unsent(asOf: context.asOf, run: run.id, fence: run.fence, in: $0)
        }
        return left.isEmpty ? .held : .broken(left.joined(separator: ", "))
    }
}
