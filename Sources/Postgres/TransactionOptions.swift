/// How a transaction begins, under which role and for which tenants, and how it ends.
package struct TransactionOptions: Sendable {
    /// How much of others' work the transaction may see.
    package enum Isolation: Sendable {
        case readCommitted, repeatableRead, serializable
    }

    /// What happens when the body returns.
    package enum Outcome: Sendable {
        case commit
        /// Everything is undone: for dry runs.
        case rollBack
    }

    /// The role to act as, for this transaction only; nil stays the login's own.
    package var role: String?
    /// The tenants whose rows may be seen (`bursar.tenants`); nil leaves them unset, so that row-level security refuses.
    package var tenants: [Int64]?
    /// Further settings, for this transaction only.
    package var settings: [(name: String, value: String)]
    package var isolation: Isolation
    package var readOnly: Bool
    /// Instead of the configuration's.
    package var lockTimeout: Duration?
    /// Instead of the configuration's.
    package var statementTimeout: Duration?
    /// How often the body is run again after a serialization failure or a deadlock.
    package var retries: Int
    package var outcome: Outcome

    package init(
        role: String? = nil,
        tenants: [Int64]? = nil,
        settings: [(name: String, value: String)] = [],
        isolation: Isolation = .readCommitted,
        readOnly: Bool = false,
        lockTimeout: Duration? = nil,
        statementTimeout: Duration? = nil,
        retries: Int = 3,
        outcome: Outcome = .commit
    ) {
        self.role = role
        self.tenants = tenants
        self.settings = settings
        self.isolation = isolation
        self.readOnly = readOnly
        self.lockTimeout = lockTimeout
        self.statementTimeout = statementTimeout
        self.retries = retries
        self.outcome = outcome
    }

    /// BEGIN and all settings: one round trip.
    func beginning(_ configuration: PostgresConfiguration) -> [BoundStatement] {
        var settings = configuration.pooled ? configuration.sessionSettings : []
        settings += self.settings
        if let lockTimeout { settings.append(("lock_timeout", PostgresConfiguration.milliseconds(lockTimeout))) }
        if let statementTimeout {
            settings.append(("statement_timeout", PostgresConfiguration.milliseconds(statementTimeout)))
        }
        if let tenants, let text = tenants.postgresText { settings.append(("bursar.tenants", text)) }
        if let role { settings.append(("role", role)) }
        let begin = TransactionStatements.begin(isolation, readOnly: readOnly).bind()
        if settings.isEmpty { return [begin] }
        return [begin, TransactionStatements.settings.bind(settings.map(\.name), settings.map(\.value))]
    }
}

/// The statements by which transactions begin, end and change their settings.
package enum TransactionStatements {
    /// Sets many settings for this transaction: names, values.
    package static let settings = Statement(
        "postgres.settings",
        "select set_config(name, value, true) from unnest($1::text[], $2::text[]) as setting (name, value)"
    )
    /// Changes the role for the rest of this transaction.
    package static let role = Statement("postgres.role", "select set_config('role', $1, true)")
    /// Changes the tenants for the rest of this transaction: a bigint[] as text.
    package static let tenants = Statement(
        "postgres.tenants",
        "select set_config('bursar.tenants', $1::bigint[]::text, true)"
    )
    package static let commit = Statement("postgres.commit", "commit")
    package static let rollback = Statement("postgres.rollback", "rollback")
    // Savepoints of one name shadow each other, so nested ones need no names of their own.
    package static let savepoint = Statement("postgres.savepoint", "savepoint bursar_step")
    package static let release = Statement("postgres.release", "release savepoint bursar_step")
    package static let rollbackTo = Statement("postgres.rollback_to", "rollback to savepoint bursar_step")
    package static let signOfLife = Statement("postgres.sign_of_life", "select 1")

    /// All of them, for the test that prepares every statement.
    package static let all =
        [settings, role, tenants, commit, rollback, savepoint, release, rollbackTo, signOfLife]
        + [TransactionOptions.Isolation.readCommitted, .repeatableRead, .serializable].flatMap { isolation in
            [begin(isolation, readOnly: false), begin(isolation, readOnly: true)]
        }

    static func begin(_ isolation: TransactionOptions.Isolation, readOnly: Bool) -> Statement {
        switch (isolation, readOnly) {
        case (.readCommitted, false): Statement("postgres.begin", "begin isolation level read committed read write")
        case (.readCommitted, true): Statement("postgres.begin_ro", "begin isolation level read committed read only")
        case (.repeatableRead, false):
            Statement("postgres.begin_rr", "begin isolation level repeatable read read write")
        case (.repeatableRead, true):
            Statement("postgres.begin_rr_ro", "begin isolation level repeatable read read only")
        case (.serializable, false): Statement("postgres.begin_ser", "begin isolation level serializable read write")
        case (.serializable, true): Statement("postgres.begin_ser_ro", "begin isolation level serializable read only")
        }
    }
}
