package import JobKit
internal import Postgres
package import Schedules

/// A job as the engine sees it: its signature and two closures.
package struct AnyJob: Sendable {
    package let signature: JobSignature
    let run: @Sendable (JSONText, JobContext) async throws -> Outcome
    let postcondition: @Sendable (JSONText, JobContext) async throws -> Postcondition

    package init<Wrapped: Job>(_ job: Wrapped) {
        let signature = JobSignature(
            name: Wrapped.name.description,
            description: Wrapped.summary,
            fields: Wrapped.Parameters.fields
        )
        let parameters: @Sendable (JSONText) throws -> Wrapped.Parameters = { json in
            do {
                return try JSONText(signature.withDefaults(json.text)).decoded()
            } catch {
                throw JobError(.permanent, "the parameters are not those of \(Wrapped.name): \(error)")
            }
        }
        self.signature = signature
        run = { try await job.run(try parameters($0), in: $1) }
        postcondition = { try await job.postcondition(try parameters($0), in: $1) }
    }
}

/// The jobs that this build knows.
///
/// A node claims runs of these and of no others.
package struct JobRegistry: Sendable {
    package let jobs: [AnyJob]

    package init(_ jobs: [AnyJob]) { self.jobs = jobs }

    /// The signatures, against which schedule files and `bursar run` are checked.
    package var catalogue: JobCatalogue { JobCatalogue(jobs.map(\.signature)) }

    package var names: [String] { catalogue.names }

    package subscript(name: String) -> AnyJob? { jobs.first { $0.signature.name == name } }
}
