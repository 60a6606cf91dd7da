/// How to reach the database, and how long to wait for what.
package struct PostgresConfiguration: Sendable {
    /// A libpq URL or connection string, taken as it is: hosts, TLS settings, password file.
    ///
    /// What it names wins over the defaults below.
    package var url: String

    /// The URL leads to pgbouncer in transaction mode: unnamed statements, no `options`, and every setting made
    /// anew, for its transaction only.
    package var pooled: Bool

    /// Shown by the server in its lists of sessions.
    package var applicationName: String

    /// For making one connection, name resolution and TLS included.
    package var connectTimeout: Duration = .seconds(5)

    /// The server's limit for one statement; nil for none.
    package var statementTimeout: Duration? = .seconds(60)

    /// After how long the server ends a session that has a transaction open and says nothing; nil for never.
    package var idleInTransactionTimeout: Duration? = .seconds(60)

    /// The server's limit for waiting for one lock; nil for none.
    package var lockTimeout: Duration?

    /// Beyond the statement's own limit, how long an answer may take before it is cancelled from here.
    ///
    /// This is what finds a server that went silent.
    package var answerGrace: Duration = .seconds(5)

    /// How long the server has to answer a cancelled statement before the connection is dropped.
    package var cancelGrace: Duration = .seconds(3)

    /// After how long unacknowledged data breaks a TCP connection.
    package var tcpUserTimeout: Duration = .seconds(15)

    /// TCP keepalives: after this long idle, then this often, and lost after so many unanswered.
    package var keepalivesIdle: Duration = .seconds(15)
    package var keepalivesInterval: Duration = .seconds(5)
    package var keepalivesCount = 3

    /// How long a caller waits for a connection of the pool: for a free one, and for the server to come back.
    package var poolWait: Duration = .seconds(30)

    /// A connection that was idle for longer is asked for a sign of life before it is lent.
    package var idleCheckAfter: Duration = .seconds(30)

    /// Run on every new connection; each must answer true in its first column.
    ///
    /// Tests and benches make sure by it that they do not bypass row-level security.
    package var checkoutAssertions: [Statement] = []

    package init(url: String, pooled: Bool = false, applicationName: String = "bursar") {
        self.url = url
        self.pooled = pooled
        self.applicationName = applicationName
    }

    /// What every session runs with, so that values read the same whatever the server's own settings are.
    var sessionSettings: [(name: String, value: String)] {
        var settings = [
            ("TimeZone", "UTC"), ("DateStyle", "ISO,MDY"), ("IntervalStyle", "iso_8601"),
            ("client_min_messages", "warning"),
            // Our statements are short or run once: compiling one costs more than it saves (seconds, for a portfolio's forecast).
            ("jit", "off"),
        ]
        settings.append(("statement_timeout", Self.milliseconds(statementTimeout)))
        settings.append(("idle_in_transaction_session_timeout", Self.milliseconds(idleInTransactionTimeout)))
        settings.append(("lock_timeout", Self.milliseconds(lockTimeout)))
        return settings
    }

    /// As the server's timeouts want it: whole milliseconds, 0 for none, and never 0 for a short one.
    package static func milliseconds(_ duration: Duration?) -> String {
        guard let duration else { return "0" }
        let (seconds, attoseconds) = duration.components
        return String(max(1, seconds * 1000 + attoseconds / 1_000_000_000_000_000))
    }

    private static func seconds(_ duration: Duration) -> String { String(max(1, duration.components.seconds)) }

    /// What is given to libpq where the URL leaves it open.
    var connectionDefaults: [(keyword: String, value: String)] {
        [
            ("application_name", applicationName),
            ("client_encoding", "UTF8"),
            ("keepalives_idle", Self.seconds(keepalivesIdle)),
            ("keepalives_interval", Self.seconds(keepalivesInterval)),
            ("keepalives_count", String(keepalivesCount)),
            ("tcp_user_timeout", Self.milliseconds(tcpUserTimeout)),
        ]
    }
}
