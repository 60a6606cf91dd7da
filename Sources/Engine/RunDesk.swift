internal import JobKit
package import Postgres

/// What an operator asks about runs and does to them.
///
/// Answers are JSON, as CLI, console and `/v1` show them.
package struct RunDesk: Sendable {
    /// Writes down what was done to a run, in the transaction that does it: the verb in the past, the run, why.
    package typealias Recorder = @Sendable (Transaction, String, Int64, String?) async throws -> Void

    private let database: PostgresPool
    let record: Recorder

    package init(database: PostgresPool, record: @escaping Recorder = { _, _, _, _ in }) {
        self.database = database
        self.record = record
    }

    /// Asks for a run.
    package func enqueue(_ request: RunRequest, by actor: String) async throws -> (run: Int64, created: Bool) {
        try await acting(as: actor) { transaction in
            let answer = try await request.enqueue(in: transaction)
            if answer.created { try await record(transaction, "asked_for", answer.run, request.reason) }
            return answer
        }
    }

    /// The newest runs first, those that can still change before those that ended.
    package func list(job: String?, state: String?, limit: Int) async throws -> JSONText {
        try await one(Statements.list, job, state, limit)
    }

    /// A run with its attempts and proposal; null where there is none.
    package func show(_ run: Int64) async throws -> JSONText {
        try await one(Statements.show, run)
    }

    /// - Returns: `cancelled`, `asked` where a node still works on it, `ended` where it had ended.
    package func cancel(_ run: Int64, reason: String?, by actor: String) async throws -> String {
        try await acting(as: actor) { transaction in
            try await record(transaction, "cancelled", run, reason)
            return try await transaction.query(Statements.cancel, run, reason).first?.get("answer") ?? ""
        }
    }

    /// - Returns: the run that tries again: the same where it waited, a new one where it had ended.
    package func retry(_ run: Int64, reason: String?, by actor: String) async throws -> Int64 {
        try await acting(as: actor) { transaction in
            try await record(transaction, "retried", run, reason)
            return try await transaction.query(Statements.retry, run, reason).first?.get("run") ?? run
        }
    }

    /// - Returns: the proposal that is approved by it.
    package func approve(_ run: Int64, reason: String, by actor: String) async throws -> Int64 {
        try await acting(as: actor) { transaction in
            try await record(transaction, "approved", run, reason)
            return try await transaction.query(Statements.approve, run, reason).first?.get("proposal") ?? 0
        }
    }

    /// Everything `/status` tells of the engine.
    package func status() async throws -> JSONText { try await one(Statements.status) }

    /// The alarms that are raised, and with `cleared` the others too.
    package func alarms(cleared: Bool) async throws -> JSONText { try await one(Statements.alarms, cleared) }

    func one(_ statement: Statement, _ parameters: any PostgresEncodable...) async throws -> JSONText {
        var options = TransactionOptions()
        options.role = "bursar_ops"
        options.readOnly = true
        return try await database.withTransaction(options) { transaction in
            try await transaction.query(BoundStatement(statement, parameters)).first?.get("answer") ?? JSONText("null")
        }
    }

    func acting<Answer: Sendable>(
        as actor: String,
        _ body: (Transaction) async throws -> Answer
    ) async throws -> Answer {
        var options = TransactionOptions()
        options.role = "bursar_ops"
        options.settings = [("bursar.actor", actor)]
        return try await database.withTransaction(options, body)
    }
}
