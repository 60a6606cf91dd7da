package import CivilTime
internal import JobKit
package import Postgres
internal import Schedules

/// What an operator does to schedules, their asked fires and alarms.
///
/// Every act has a reason, and is written down in its transaction. Answers are JSON, as CLI, console and `/v1` show them.
package struct ScheduleDesk: Sendable {
    /// One act, for the audit trail.
    package struct Note: Sendable {
        /// What was done, in the past: `schedule.paused`.
        package let kind: String
        package let subjectKind: String
        package let subject: Int64
        /// A JSON object with the reason and the facts.
        package let content: JSONText

        init(_ kind: String, _ subjectKind: String, _ subject: Int64, _ content: JSONText) {
            self.kind = kind
            self.subjectKind = subjectKind
            self.subject = subject
            self.content = content
        }
    }

    /// Writes an act down, in the transaction that does it.
    package typealias Recorder = @Sendable (Transaction, Note) async throws -> Void

    private let database: PostgresPool
    private let record: Recorder

    package init(database: PostgresPool, record: @escaping Recorder = { _, _ in }) {
        self.database = database
        self.record = record
    }

    /// Stops a schedule from firing until it is resumed; its runs that have not begun are held, those that have go on.
    /// - Throws: `ScheduleRefusal` where there is no such schedule or it is paused already.
    package func pause(_ name: String, reason: String, by actor: String) async throws {
        try await acting(as: actor) { transaction in
            guard let row = try await transaction.query(Statements.pause, name, reason).first else {
                let known = try await self.known(name, in: transaction)
                throw ScheduleRefusal(
                    .notSo,
                    "schedule \(name) is paused already, by \(known.pausedBy ?? "somebody")",
                    remedy: "let it go on with: bursar schedules resume \(name)"
                )
            }
            try await note("schedule.paused", name, row, reason, in: transaction)
        }
    }

    /// Lets a paused schedule fire again, from now on: what was due meanwhile is never caught up.
    /// - Throws: `ScheduleRefusal` where there is no such schedule or it is not paused.
    package func resume(_ name: String, reason: String?, by actor: String) async throws {
        try await acting(as: actor) { transaction in
            guard let row = try await transaction.query(Statements.resume, name).first else {
                _ = try await known(name, in: transaction)
                throw ScheduleRefusal(
                    .notSo,
                    "schedule \(name) is not paused",
                    remedy: "see which are with: bursar status"
                )
            }
            _ = try await transaction.query(Timekeeper.Statements.release)
            try await note("schedule.resumed", name, row, reason, in: transaction)
        }
    }

    /// The fires that wait for an answer, oldest first, as a JSON array.
    package func asked() async throws -> JSONText {
        try await database.withTransaction(.engine) { transaction in
            try await transaction.query(Statements.asked).first?.get("answer") ?? JSONText("[]")
        }
    }

    /// Answers fires that wait: they run one after another, oldest first, or are let go.
    ///
    /// - Parameters:
    ///   - name: the schedule.
    ///   - fires: which of its fires; nil for all that wait.
    ///   - run: whether they run.
    ///   - reason: why.
    ///   - actor: who.
    /// - Returns: a JSON array of the fires with their runs.
    /// - Throws: `ScheduleRefusal` where one of them does not wait for an answer; none is answered then.
    package func answer(
        _ name: String,
        fires: [Instant]?,
        run: Bool,
        reason: String,
        by actor: String
    ) async throws -> JSONText {
        try await acting(as: actor) { transaction in
            let known = try await known(name, evenRemoved: true, in: transaction)
            let answered =
                run
                ? try await makeRuns(name, known.definition, fires, reason, in: transaction)
                : try await transaction.query(Statements.letGo, name, fires, reason)
            try Self.check(answered, name, fires)
            let answer = try answered.first?.get("answer", as: JSONText.self) ?? JSONText("[]")
            try await record(
                transaction,
                Note(
                    run ? "fires.answered" : "fires.let_go",
                    "schedule",
                    known.id,
                    JSONText(try Self.content(name, reason, more: ["fires": answer.text]))
                )
            )
            return answer
        }
    }

    /// Clears an alarm that nothing else clears, since somebody has taken note of it.
    ///
    /// One that still holds is raised again at the next look.
    /// - Throws: `ScheduleRefusal` where it is not raised.
    package func clearAlarm(_ key: String, reason: String, by actor: String) async throws {
        try await acting(as: actor) { transaction in
            guard let row = try await transaction.query(Statements.clearAlarm, key, reason).first else {
                throw ScheduleRefusal(.notSo, "no alarm \(key) is raised", remedy: "list them with: bursar alarms")
            }
            let content = try JSONText(encoding: ["alarm": key, "reason": reason])
            try await record(transaction, Note("alarm.cleared", "alarm", row.get("id"), content))
        }
    }

    // MARK: What these share

    private func acting<Answer: Sendable>(
        as actor: String,
        _ body: (Transaction) async throws -> Answer
    ) async throws -> Answer {
        try await database.withTransaction(.engine(for: actor), body)
    }

    private func makeRuns(
        _ name: String,
        _ definition: String,
        _ fires: [Instant]?,
        _ reason: String,
        in transaction: Transaction
    ) async throws -> Rows {
        let schedule = try Schedule(name: name, definitionJSON: definition)
        let answered = try await transaction.query(
            Statements.makeRuns,
            name,
            fires,
            reason,
            schedule.job,
            schedule.parametersJSON,
            schedule.retry.attempts,
            schedule.retry.initial,
            schedule.retry.max,
            schedule.retry.jitter,
            schedule.deadline,
            schedule.startWithin
        )
        _ = try await transaction.query(Timekeeper.Statements.release)
        return answered
    }

    private static func check(_ answered: Rows, _ name: String, _ fires: [Instant]?) throws {
        let count = try answered.first?.get("count", as: Int.self) ?? 0
        guard count == 0 || count < Set(fires ?? []).count else { return }
        throw ScheduleRefusal(
            .notSo,
            count == 0
                ? "no such fire of \(name) waits for an answer"
                : "not all of these fires of \(name) wait for an answer",
            remedy: "list those that do with: bursar schedules asked"
        )
    }

    /// A schedule by name; fires of one that the files no longer have may still wait for an answer.
    private func known(
        _ name: String,
        evenRemoved: Bool = false,
        in transaction: Transaction
    ) async throws -> (id: Int64, definition: String, pausedBy: String?) {
        guard let row = try await transaction.query(Statements.find, name).first,
            try evenRemoved || !row.get("removed", as: Bool.self)
        else {
            throw ScheduleRefusal(
                .notSo,
                "there is no schedule \(name) in force",
                remedy: "list those of the files with: bursar schedules list"
            )
        }
        return (try row.get("id"), try row.get("definition"), try row.get("paused_by"))
    }

    private func note(
        _ kind: String,
        _ name: String,
        _ row: Row,
        _ reason: String?,
        in transaction: Transaction
    ) async throws {
        let content = JSONText(try Self.content(name, reason))
        try await record(transaction, Note(kind, "schedule", row.get("id"), content))
    }

    /// `more` is JSON already.
    private static func content(_ name: String, _ reason: String?, more: [String: String] = [:]) throws -> String {
        var members = try more.mapValues { try JSONValue(parsing: $0) }
        members["schedule"] = .text(name)
        members["reason"] = reason.map(JSONValue.text) ?? .null
        return JSONValue.object(members).canonicalText
    }
}

extension TransactionOptions {
    /// A transaction of the engine on behalf of somebody.
    static func engine(for actor: String) -> TransactionOptions {
        var options = TransactionOptions.engine
        options.settings = [("bursar.actor", actor)]
        return options
    }
}
