package import JobKit
internal import Postgres
package import Schedules
internal import Synchronization

/// A job as the engine sees it: its signature and two closures.
package struct AnyJob: Sendable {
    package let signature: JobSignature
    package let limits: JobLimits
    let run: @Sendable (JSONText, JobContext) async throws -> Outcome
    let postcondition: @Sendable (JSONText, JobContext) async throws -> Postcondition

    package init<Wrapped: Job>(_ job: Wrapped) {
        let signature = JobSignature(
            name: Wrapped.name.description,
            description: Wrapped.summary,
            fields: Wrapped.Parameters.fields
        )
        let read = ReadParameters<Wrapped.Parameters>()
        let parameters: @Sendable (JSONText) throws -> Wrapped.Parameters = { json in
            do {
                return try read.parameters(json.text) { try JSONText(signature.withDefaults($0)).decoded() }
            } catch {
                throw JobError(.permanent, "the parameters are not those of \(Wrapped.name): \(error)")
            }
        }
        limits = Wrapped.limits
        self.signature = signature
        run = { try await job.run(try parameters($0), in: $1) }
        postcondition = { try await job.postcondition(try parameters($0), in: $1) }
    }
}

/// The parameters that were read last, by their text: runs of one job seldom differ much, and each reads its own twice.
private final class ReadParameters<Parameters: Sendable>: Sendable {
    private static var most: Int { 32 }
    private let known = Mutex<(byText: [String: Parameters], last: (text: String, parameters: Parameters)?)>(([:], nil))

    func parameters(_ text: String, _ read: (String) throws -> Parameters) rethrows -> Parameters {
        let found = known.withLock { known in
            if let last = known.last, last.text == text { return last.parameters as Parameters? }
            guard let parameters = known.byText[text] else { return nil }
            known.last = (text, parameters)
            return parameters
        }
        if let found { return found }
        let parameters = try read(text)
        known.withLock { known in
            if known.byText.count >= Self.most { known.byText.removeAll(keepingCapacity: true) }
            known.byText[text] = parameters
            known.last = (text, parameters)
        }
        return parameters
    }
}

/// The jobs that this build knows.
///
/// A node claims runs of these and of no others.
package struct JobRegistry: Sendable {
    package let jobs: [AnyJob]
    private let byName: [String: AnyJob]

    package init(_ jobs: [AnyJob]) {
        self.jobs = jobs
        byName = Dictionary(jobs.map { ($0.signature.name, $0) }) { first, _ in first }
    }

    /// The signatures, against which schedule files and `bursar run` are checked.
    package var catalogue: JobCatalogue { JobCatalogue(jobs.map(\.signature)) }

    package var names: [String] { catalogue.names }

    package subscript(name: String) -> AnyJob? { byName[name] }
}
