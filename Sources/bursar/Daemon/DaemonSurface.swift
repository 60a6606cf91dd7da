import Custody
import Engine
import Events
import FoundationEssentials
import JobKit
import Listener
import Metrics
import Postgres
import Schedules
import Telemetry
import Webhooks

/// What the daemon answers on its operator socket.
struct DaemonSurface: OperatorSurface {
    let daemon: Daemon
    private let process = ProcessMetrics(registry: Telemetry.metrics)

    init(daemon: Daemon) {
        self.daemon = daemon
        Telemetry.metrics.describe(EngineGauges.descriptions)
        Telemetry.metrics.describe(WebhookGauges.descriptions)
        Telemetry.metrics.describe(PaymentGauges.descriptions)
        Telemetry.metrics.describe(BackupGauges.descriptions)
        Telemetry.metrics.describe(RetentionGauges.descriptions)
        Gauge(label: "bursar_build_info", dimensions: [("version", Version.text)]).record(1)
    }

    private var desk: RunDesk { RunDesk(database: daemon.database, record: RunNotes.record) }

    func live() -> Bool { daemon.isTurning }

    func readiness() async -> [ReadinessCheck] {
        let node = daemon.node
        let lease = node.leaseStanding
        return [
            check("claims", node.pulse, "the node has not claimed for a while"),
            check("time", node.timePulse, "the node has not looked at the schedules for a while"),
            // Renewed after a third of it.
            check("lease", lease.pulse, "the node has no lease", within: lease.length),
            ReadinessCheck("quarantine", failing: node.quarantine.map { "since \($0.since): \($0.why)" }),
            ReadinessCheck("schedules", failing: await daemon.schedules.standing.problem),
            ReadinessCheck("webhooks", failing: daemon.inbox?.writer.standing.problem),
            ReadinessCheck("webhook sources", failing: daemon.webhooks.standing.problem),
            ReadinessCheck("dunning policies", failing: daemon.notices.policies.standing.problem),
            ReadinessCheck("retention policies", failing: daemon.retention.problem),
            ReadinessCheck("channels", failing: daemon.notices.channels.standing.problem),
            ReadinessCheck("templates", failing: daemon.notices.templates.problem),
        ]
    }

    /// Claims and schedules are looked at every second or two, so a silence of eight is told within about ten.
    private func check(
        _ name: String,
        _ pulse: Pulse?,
        _ silence: String,
        within limit: Duration = .seconds(8)
    ) -> ReadinessCheck {
        guard let pulse else { return ReadinessCheck(name) }
        if let since = pulse.sinceAnswer, since < limit { return ReadinessCheck(name) }
        return ReadinessCheck(name, failing: pulse.problem ?? silence)
    }

    func status() async throws -> [UInt8] {
        let standing = await daemon.schedules.standing
        let engine = try await desk.status()
        let pulse = daemon.node.pulse
        let here = NodeStanding(
            node: daemon.node.id,
            version: Version.text,
            running: daemon.node.working,
            claimedSecondsAgo: pulse.sinceAnswer.map { $0 / .seconds(1) },
            problem: pulse.problem,
            quarantine: daemon.node.quarantine.map { ["since": "\($0.since)", "why": $0.why] },
            scheduleFiles: standing.paths,
            scheduleSet: standing.hash,
            scheduleProblem: standing.problem
        )
        let webhooks = try await WebhookStanding.text(of: daemon)
        let policies = JSON.text(of: PolicyStanding(daemon.notices.policies))
        let channels = JSON.text(of: ChannelsStanding(daemon.notices.channels))
        let backups = JSON.text(of: try await BackupStanding.read(in: daemon.database))
        let physical = try await BackupStanding.wanted(.pgBackRest, in: daemon.database).map { JSON.text(of: $0) }
        let retention = JSON.text(of: try await RetentionStanding.read(in: daemon.database))
        let parts = [
            "here": JSON.text(of: here), "engine": engine.text, "webhooks": webhooks, "policies": policies,
            "channels": channels, "backups": backups, "physicalBackups": physical ?? "null", "retention": retention,
        ]
        let names = [
            "here", "engine", "webhooks", "policies", "channels", "backups", "physicalBackups", "retention",
        ]
        let members = names.map {
            "\"\($0)\":\(parts[$0] ?? "null")"
        }
        return Array("{\(members.joined(separator: ","))}".utf8)
    }

    private struct NodeStanding: Encodable {
        let node: String
        let version: String
        let running: Int
        let claimedSecondsAgo: Double?
        let problem: String?
        let quarantine: [String: String]?
        let scheduleFiles: [String]
        let scheduleSet: String?
        let scheduleProblem: String?
    }

    func metrics(_ format: ExpositionFormat) async -> String {
        await EngineGauges.refresh(from: desk, node: daemon.node)
        if daemon.webhooks.file != nil { await WebhookGauges.refresh(from: WebhookDesk(database: daemon.database)) }
        await PaymentGauges.refresh(from: daemon.database)
        await BackupGauges.refresh(from: daemon.database)
        await RetentionGauges.refresh(from: daemon.database)
        process.refresh()
        return Telemetry.metrics.render(format)
    }

    func perform(_ command: String, _ body: [UInt8], by actor: OperatorActor) async throws -> [UInt8] {
        let request = OperatorRequest(command: command, body: body, actor: "operator:\(actor.name)")
        guard let answer = try await perform(request) else {
            throw Problem(
                status: 404,
                title: "there is no command \(command)",
                remedy: "see bursar --help",
                exitStatus: 64
            )
        }
        return Array(answer.text.utf8)
    }

    private func perform(_ request: OperatorRequest) async throws -> JSONText? {
        if let answer = try await OperatorCommands.runs(request, desk: desk, registry: .shipped, node: daemon.node) {
            return answer
        }
        if let answer = try await OperatorCommands.providers(request, database: daemon.database, node: daemon.node) {
            return answer
        }
        if let answer = try await OperatorCommands.bakong(request, daemon: daemon) { return answer }
        if let answer = try await OperatorCommands.schedules(request, daemon: daemon) { return answer }
        if let answer = try await OperatorCommands.nodes(request, daemon: daemon) { return answer }
        if let answer = try await OperatorCommands.payments(request, database: daemon.database) { return answer }
        if let answer = try await OperatorCommands.webhooks(request, database: daemon.database) { return answer }
        try await OperatorCommands.vetEndpoint(request, daemon.notices.channels.desk)
        if let answer = try await OperatorCommands.recon(request, daemon: daemon) { return answer }
        if let answer = try await OperatorCommands.returns(request, daemon: daemon) { return answer }
        switch request.command {
        case "status": return JSONText(String(decoding: try await status(), as: UTF8.self))
        default: return try await OperatorCommands.business(request, database: daemon.database)
        }
    }

    func problem(for error: any Error) -> Problem? { Problem(describe(error)) }
}

/// One command that came through the operator socket.
struct OperatorRequest: Sendable {
    let command: String
    let body: [UInt8]
    /// For audit rows: `operator:sok`.
    let actor: String

    /// The body as the command's own type.
    /// - Throws: `Problem` 422 that names the field.
    func decoded<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
        do {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            return try decoder.decode(type, from: Data(body.isEmpty ? Array("{}".utf8) : body))
        } catch let error as DecodingError {
            throw Problem(
                status: 422,
                title: "the body of \(command) is not what it takes",
                detail: "\(error)",
                remedy: "send the JSON object that docs describe",
                exitStatus: 65
            )
        }
    }
}

/// Writes acts on runs into the audit trail.
enum RunNotes {
    static let record: RunDesk.Recorder = { transaction, verb, run, reason in
        let content = try JSONText(encoding: ["reason": reason])
        try await HouseNote("run.\(verb)", "run", run, content: content).write(in: transaction)
    }
}

/// The commands of the operator socket, by room.
///
/// Each answers nil for a command that is not its own.
enum OperatorCommands {}
