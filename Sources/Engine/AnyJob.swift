package import JobKit
internal import Postgres
package import Schedules

/// A job as the engine sees it: its signature and two closures.
package struct AnyJob: Sendable {
    package let signature: JobSignature
    let run: @Sendable (JSONText, JobContext) async throws -> Outcome
    let postcondition: @Sendable (JSONText, JobContext) async throws -> Postcondition

    package init<Wrapped: Job>(_ job: Wrapped) {
        signature = JobSignature(
            name: Wrapped.name.description,
            description: Wrapped.summary,
            fields: Wrapped.Parameters.fields
        )
        run = { try await job.run(try Self.parameters($0, of: Wrapped.self), in: $1) }
        postcondition = { try await job.postcondition(try Self.parameters($0, of: Wrapped.self), in: $1) }
    }

    private static func parameters<Wrapped: Job>(_ json: JSONText, of job: Wrapped.Type) throws -> Wrapped.Parameters {
        do {
            return try json.decoded()
        } catch let error as DecodingError {
            throw JobError(.permanent, "the parameters are not those of \(Wrapped.name): \(error)")
        }
    }
}

/// The jobs that this build knows. A node claims runs of these and of no others.
package struct JobRegistry: Sendable {
    package let jobs: [AnyJob]

    package init(_ jobs: [AnyJob]) { self.jobs = jobs }

    /// The signatures, against which schedule files and `bursar run` are checked.
    package var catalogue: JobCatalogue { JobCatalogue(jobs.map(\.signature)) }

    package var names: [String] { catalogue.names }

    package subscript(name: String) -> AnyJob? { jobs.first { $0.signature.name == name } }
}
