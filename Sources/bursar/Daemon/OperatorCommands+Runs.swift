import CivilTime
import Engine
import JobKit
import Listener
import Postgres
import Schedules

extension OperatorCommands {
    /// What an operator does to runs.
    static func runs(
        _ request: OperatorRequest,
        desk: RunDesk,
        registry: JobRegistry,
        node: Node
    ) async throws -> JSONText? {
        switch request.command {
        case "runs.enqueue":
            let asked = try request.decoded(as: RunWish.self)
            let (run, created) = try await desk.enqueue(try asked.request(registry), by: request.actor)
            node.wake()
            return try JSONText(encoding: RunAnswer(run: run, created: created))
        case "runs.list":
            let asked = try request.decoded(as: RunListWish.self)
            return try await desk.list(job: asked.job, state: asked.state, limit: asked.limit ?? 50)
        case "runs.show":
            return try await desk.show(try request.decoded(as: RunReference.self).run)
        case "runs.cancel":
            let asked = try request.decoded(as: RunReference.self)
            let answer = try await desk.cancel(asked.run, reason: asked.reason, by: request.actor)
            node.wake()
            return try JSONText(encoding: ["answer": answer])
        case "runs.retry":
            let asked = try request.decoded(as: RunReference.self)
            let run = try await desk.retry(asked.run, reason: asked.reason, by: request.actor)
            node.wake()
            return try JSONText(encoding: RunAnswer(run: run, created: run != asked.run))
        case "runs.retry_plan":
            return try await desk.planRetry(try request.decoded(as: RetryWish.self).choice())
        case "runs.retry_all":
            let asked = try request.decoded(as: RetryWish.self)
            let runs = try await desk.retryAll(
                try asked.choice(),
                planned: asked.planned ?? 0,
                reason: asked.reason ?? "",
                by: request.actor
            )
            node.wake()
            return try JSONText(encoding: ["runs": runs])
        case "runs.approve":
            let asked = try request.decoded(as: RunReference.self)
            let proposal = try await desk.approve(asked.run, reason: asked.reason ?? "", by: request.actor)
            node.wake()
            return try JSONText(encoding: ["proposal": proposal])
        case "alarms.list":
            return try await desk.alarms(cleared: try request.decoded(as: AlarmListWish.self).cleared ?? false)
        default:
            return nil
        }
    }
}

/// A run asked for by hand.
struct RunWish: Codable, Sendable {
    var job: String
    /// As given: `name=value`.
    var parameters: [String]?
    var tenant: Int64?
    /// RFC 3339.
    var asOf: String?
    var dryRun: Bool?
    var dedupeKey: String?
    var reason: String?

    /// The request, checked against the job's signature.
    /// - Throws: `CommandFailure` 64 for an unknown job or a wrong parameter, 65 for a time that cannot be read.
    func request(_ registry: JobRegistry) throws -> RunRequest {
        guard let known = registry[job] else {
            throw CommandFailure(
                .usage,
                "there is no job named \(job)",
                remedy: "use one of: \(registry.names.joined(separator: ", "))"
            )
        }
        var request = RunRequest(job: job)
        request.parameters = JSONText(try known.signature.parametersJSON(of: try Self.pairs(parameters ?? [])))
        request.tenant = tenant
        request.dedupeKey = dedupeKey
        request.reason = reason
        request.isDryRun = dryRun ?? false
        if let asOf {
            guard let instant = Instant(asOf) else {
                throw CommandFailure(
                    .badData,
                    "\(asOf) is not an instant",
                    remedy: "write it as 2026-03-01T00:00:00+07:00"
                )
            }
            request.asOf = instant
        }
        return request
    }
}

extension RunWish {
    private static func pairs(_ texts: [String]) throws -> [(name: String, text: String)] {
        try texts.map { text in
            guard let sign = text.firstIndex(of: "=") else {
                throw CommandFailure(.usage, "--param \(text) has no value", remedy: "write it as --param name=value")
            }
            return (String(text[..<sign]), String(text[text.index(after: sign)...]))
        }
    }
}

struct RunAnswer: Codable, Sendable {
    let run: Int64
    let created: Bool
}

struct RunReference: Codable, Sendable {
    let run: Int64
    var reason: String?
}

/// Runs to be tried again, many at once.
struct RetryWish: Codable, Sendable {
    var job: String
    var state: String
    var limit: Int?
    var reason: String?
    /// How many the plan told.
    var planned: Int?

    /// - Throws: `CommandFailure` 64 for a state in which there is nothing to try again.
    func choice() throws -> RunDesk.Choice {
        guard ["dead", "cancelled"].contains(state) else {
            throw CommandFailure(.usage, "runs that are \(state) are not tried again", remedy: "use dead or cancelled")
        }
        return RunDesk.Choice(job: job, state: state, limit: min(max(limit ?? 1_000, 1), 10_000))
    }
}

struct RunListWish: Codable, Sendable {
    var job: String?
    var state: String?
    var limit: Int?
}

struct AlarmListWish: Codable, Sendable {
    var cleared: Bool?
}
