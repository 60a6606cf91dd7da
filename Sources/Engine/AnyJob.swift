package import JobKit
package import Postgres

/// A job as the engine sees it: a name, typed parameters checked, and two closures.
package struct AnyJob: Sendable {
    package let name: String
    package let summary: String
    package let fields: [ParameterDeclaration]
    private let check: @Sendable (JSONText) throws -> Void
    let run: @Sendable (JSONText, JobContext) async throws -> Outcome
    let postcondition: @Sendable (JSONText, JobContext) async throws -> Postcondition

    package init<Wrapped: Job>(_ job: Wrapped) {
        name = Wrapped.name.description
        summary = Wrapped.summary
        fields = Wrapped.Parameters.fields
        check = { _ = try Self.parameters($0, of: Wrapped.self) }
        run = { try await job.run(try Self.parameters($0, of: Wrapped.self), in: $1) }
        postcondition = { try await job.postcondition(try Self.parameters($0, of: Wrapped.self), in: $1) }
    }

    /// Refuses parameters that the job could not be run with.
    /// - Throws: ``InvalidParameter``
    package func validate(_ parameters: JSONText) throws { try check(parameters) }

    private static func parameters<Wrapped: Job>(_ json: JSONText, of job: Wrapped.Type) throws -> Wrapped.Parameters {
        let parameters: Wrapped.Parameters
        do {
            parameters = try json.decoded()
        } catch let DecodingError.typeMismatch(_, context), let DecodingError.dataCorrupted(context) {
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw InvalidParameter(path.isEmpty ? "parameters" : path, "has the wrong type", remedy: remedy(job))
        } catch let DecodingError.keyNotFound(key, _) {
            throw InvalidParameter(key.stringValue, "is missing", remedy: remedy(job))
        } catch let DecodingError.valueNotFound(_, context) {
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw InvalidParameter(path, "is null", remedy: remedy(job))
        }
        try parameters.validate()
        return parameters
    }

    private static func remedy<Wrapped: Job>(_ job: Wrapped.Type) -> String {
        let words = Wrapped.Parameters.fields.map { field in
            "\(field.name) (\(field.kind.rawValue)\(field.standard.map { ", \($0) if left out" } ?? ", required"))"
        }
        return words.isEmpty ? "\(Wrapped.name) takes none" : "\(Wrapped.name) takes \(words.joined(separator: ", "))"
    }
}

/// The jobs that this build knows. A node claims runs of these and of no others.
package struct JobRegistry: Sendable {
    package let jobs: [AnyJob]

    package init(_ jobs: [AnyJob]) { self.jobs = jobs }

    package var names: [String] { jobs.map(\.name).sorted() }

    package subscript(name: String) -> AnyJob? { jobs.first { $0.name == name } }
}
