package import JobKit
package import Payments
package import Schedules

/// Asks Bakong about every payment that may still come, places all money that was seen, and says up to when bank data is
/// complete.
///
/// It needs no callback: with every one of them lost it finds the same, later. What it cannot place alone waits in suspense for
/// a person.
package struct BakongReconciliation: Job {
    package struct Parameters: JobParameters {
        /// How many rows one transaction works on; the preset is where more is hardly faster.
        package let chunk: Int

        package init(chunk: Int = 2000) { self.chunk = chunk }

        package init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            chunk = try values.decodeIfPresent(Int.self, forKey: .chunk) ?? 2000
        }

        package static let fields = [
            ParameterField(
                "chunk",
                .integer,
                default: "2000",
                in: 1...20000,
                help: "How many rows one transaction works on."
            )
        ]
    }

    package static let name: JobName = "bakong-reconciliation"
    package static let summary = "Ask Bakong about open payments, place all money that was seen, move the watermark"

    package static var limits: JobLimits { JobLimits(atOnce: 1) }

    private let provider: any PaymentProvider
    private let inspection: any Inspection

    package init(asking provider: any PaymentProvider, inspection: any Inspection) {
        self.provider = provider
        self.inspection = inspection
    }

    package func run(_ parameters: Parameters, in context: JobContext) async throws -> Outcome {
        let work = PaymentWork(context, chunk: parameters.chunk)
        try await work.lookUp(.open, at: provider, step: "ask")
        try await work.place(.money, step: "money")
        try await work.place(.claims, step: "claims")
        try await work.applyCredit(step: "credit")
        try await work.advanceWatermarks(step: "watermark")
        _ = try await context.carryOut(inspection)
        return .succeeded(work.report)
    }

    package func postcondition(_ parameters: Parameters, in context: JobContext) async throws -> Postcondition {
        if context.run.isDryRun { return .held }
        let left = try await context.read { try await PaymentsUndone.read(asOf: context.asOf, in: $0) }
        return left.undone.isEmpty ? .held : .broken(left.undone.joined(separator: ", "))
    }
}
