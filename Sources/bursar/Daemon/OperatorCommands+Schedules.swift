import CivilTime
import Engine
import Events
import JobKit
import Notices
import Postgres
import Webhooks

extension OperatorCommands {
    /// What an operator does to schedules, fires that wait for an answer, and alarms.
    static func schedules(_ request: OperatorRequest, daemon: Daemon) async throws -> JSONText? {
        let desk = ScheduleDesk(database: daemon.database, record: RunNotes.recordAct)
        switch request.command {
        case "reload":
            // A fault of the one file keeps the others from nothing.
            let sources = Result { try daemon.webhooks.load() }
            let retention = Result { try daemon.retention.load() }
            let problems = daemon.notices.load()
            await daemon.notices.channels.tellLimits(daemon.database, actor: request.actor)
            var answer = ApplyAnswer(try await daemon.schedules.load(by: request.actor))
            try sources.get()
            if let problem = problems.first { throw problem }
            try retention.get()
            answer.dunningPolicy = daemon.notices.policies.policies?.standard.version
            answer.webhookSources = daemon.webhooks.file == nil ? nil : daemon.webhooks.sources?.all.count
            return try JSONText(encoding: answer)
        case "apply":
            let asked = try request.decoded(as: ApplyWish.self)
            let applied = try await daemon.schedules.apply(
                proposal: asked.proposal,
                by: request.actor,
                record: RunNotes.recordAct
            )
            daemon.node.wake()
            return try JSONText(encoding: ApplyAnswer(applied.verdict, proposal: applied.proposal))
        case "schedules.pause":
            let asked = try request.decoded(as: ScheduleWish.self)
            try await desk.pause(asked.schedule, reason: try asked.reasonGiven(), by: request.actor)
            return try JSONText(encoding: ["schedule": asked.schedule, "state": "paused"])
        case "schedules.resume":
            let asked = try request.decoded(as: ScheduleWish.self)
            try await desk.resume(asked.schedule, reason: asked.reason, by: request.actor)
            daemon.node.wake()
            return try JSONText(encoding: ["schedule": asked.schedule, "state": "in force"])
        case "schedules.asked":
            return try await desk.asked()
        case "schedules.answer":
            let asked = try request.decoded(as: AnswerWish.self)
            let answer = try await desk.answer(
                asked.schedule,
                fires: try asked.instants(),
                run: asked.run,
                reason: asked.reason,
                by: request.actor
            )
            daemon.node.wake()
            return answer
        case "alarms.clear":
            let asked = try request.decoded(as: AlarmClearWish.self)
            try await desk.clearAlarm(asked.alarm, reason: asked.reason, by: request.actor)
            return try JSONText(encoding: ["alarm": asked.alarm, "state": "cleared"])
        default:
            return nil
        }
    }
}

struct ApplyWish: Codable, Sendable {
    var proposal: Int64?
}

struct ScheduleWish: Codable, Sendable {
    var schedule: String
    var reason: String?

    /// - Throws: `CommandFailure` 64 where none was given.
    func reasonGiven() throws -> String {
        guard let reason, !reason.isEmpty else {
            throw CommandFailure(.usage, "a pause needs a reason", remedy: "pass --reason TEXT")
        }
        return reason
    }
}

struct AnswerWish: Codable, Sendable {
    var schedule: String
    /// RFC 3339; null for all that wait.
    var fires: [String]?
    var run: Bool
    var reason: String

    /// - Throws: `CommandFailure` 65 for one that cannot be read.
    func instants() throws -> [Instant]? {
        try fires?.map { text in
            guard let instant = Instant(text) else {
                throw CommandFailure(
                    .badData,
                    "\(text) is not an instant",
                    remedy: "as `bursar schedules asked` lists it"
                )
            }
            return instant
        }
    }
}

struct AlarmClearWish: Codable, Sendable {
    var alarm: String
    var reason: String
}

/// What a reload or an apply came to.
struct ApplyAnswer: Encodable {
    let verdict: String
    var proposal: Int64?
    var added: [String] = []
    var changed: [String] = []
    var removed: [String] = []
    /// How many are in force; null where no file is configured.
    var webhookSources: Int?
    /// The version in force of the dunning policy for all.
    var dunningPolicy: String?

    private enum CodingKeys: String, CodingKey {
        case verdict, proposal, added, changed, removed
        case dunningPolicy = "dunning_policy"
        case webhookSources = "webhook_sources"
    }

    init(_ verdict: ScheduleBook.Verdict, proposal: Int64? = nil) {
        self.proposal = proposal
        switch verdict {
        case .applied(let added, let changed, let removed):
            self.verdict = "in force"
            self.added = added
            self.changed = changed
            self.removed = removed
        case .unchanged: self.verdict = "unchanged"
        case .older: self.verdict = "older"
        }
    }
}

extension RunNotes {
    /// Writes acts on schedules, fires and alarms into the audit trail.
    static let recordAct: ScheduleDesk.Recorder = { transaction, note in
        try await HouseNote(note.kind, note.subjectKind, note.subject, content: note.content).write(in: transaction)
    }
}
