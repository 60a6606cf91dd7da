/// Everything that can be configured: the key in the file, and with `BURSAR_` and underscores in the environment.
enum SettingKey: String, CaseIterable, Sendable {
    case environment
    case databaseURL = "database.url"
    case databaseURLFile = "database.url_file"
    case databasePooled = "database.pooled"
    case databaseDirectURL = "database.direct_url"
    case databaseDirectURLFile = "database.direct_url_file"
    case databaseMigrationURL = "database.migration_url"
    case databaseMigrationURLFile = "database.migration_url_file"
    case databaseConnections = "database.connections"
    case databaseListenerURL = "database.listener_url"
    case databaseListenerURLFile = "database.listener_url_file"
    case schedules
    case operatorSocket = "operator.socket"
    case operatorListen = "operator.listen"
    case nodeName = "node.name"
    case nodeSlots = "node.slots"
    case nodeLease = "node.lease"
    case webhookSources = "webhooks.sources"
    case publicAddress = "http.public_address"
    case publicURL = "http.public_url"
    case trustedProxies = "http.trusted_proxies"
    case clientHeader = "http.client_header"
    case publicConnections = "http.connections"
    case publicConnectionsPerAddress = "http.connections_per_address"
    case publicHeadTimeout = "http.head_timeout"
    case publicBodyTimeout = "http.body_timeout"
    case publicIdleTimeout = "http.idle_timeout"
    case commandSecrets = "commands.secrets"
    case commandDirectory = "commands.directory"
    case bakongURL = "bakong.url"
    case bakongTokenKeyFile = "bakong.token_key_file"
    case bakongEmailFile = "bakong.email_file"
    case bakongRate = "bakong.rate"
    case bakongBurst = "bakong.burst"
    case bakongPerDay = "bakong.per_day"
    case bakongTimeout = "bakong.timeout"
    case statementLayouts = "payments.statements"
    case noticePolicies = "notices.policies"
    case noticeChannels = "notices.channels"
    case noticeFolder = "notices.folder"
    case noticesKeyFile = "notices.key_file"
    case noticesInboundSecretFile = "notices.inbound_secret_file"
    case noticeTemplates = "notices.templates"
    case backupDirectory = "backup.directory"
    case backupDatabaseURL = "backup.database_url"
    case backupDatabaseURLFile = "backup.database_url_file"
    case backupKeyFile = "backup.key_file"
    case backupRecoveryKeyFile = "backup.recovery_key_file"
    case backupPush = "backup.push"
    case backupKeep = "backup.keep"
    case backupScratch = "backup.scratch"
    case backupRestoreTarget = "backup.restore_target"
    case backupPgBackRest = "backup.pgbackrest"
    case logLevel = "log.level"
    case logFormat = "log.format"
    case developmentDirectory = "dev.directory"

    /// Shown as a fingerprint only, and refused on the command line, where every user of the machine sees it.
    var isSecret: Bool {
        switch self {
        case .databaseURL, .databaseDirectURL, .databaseMigrationURL, .databaseListenerURL, .backupDatabaseURL: true
        default: false
        }
    }

    /// The key that names a file with this one's value, and the systemd credential that may hold it.
    var secretFile: (key: SettingKey, credential: String)? {
        switch self {
        case .databaseURL: (.databaseURLFile, "database-url")
        case .databaseDirectURL: (.databaseDirectURLFile, "database-direct-url")
        case .databaseMigrationURL: (.databaseMigrationURLFile, "database-migration-url")
        case .databaseListenerURL: (.databaseListenerURLFile, "database-listener-url")
        case .backupDatabaseURL: (.backupDatabaseURLFile, "backup-database-url")
        default: nil
        }
    }

    var components: [String] { rawValue.split(separator: ".").map(String.init) }

    /// `database.url_file` is `BURSAR_DATABASE_URL_FILE`.
    var environmentName: String {
        "BURSAR_" + String(rawValue.map { $0 == "." ? "_" : $0 }).uppercased()
    }

    /// What it is for, in a sentence.
    var help: String {
        switch self {
        case .environment: "development, staging or production"
        case .databaseURL: "libpq URL of the database, as the login bursar"
        case .databaseURLFile: "file that holds database.url"
        case .databasePooled: "true where database.url leads to pgbouncer in transaction mode"
        case .databaseDirectURL: "URL that goes round pgbouncer: LISTEN needs it"
        case .databaseDirectURLFile: "file that holds database.direct_url"
        case .databaseMigrationURL: "URL of a login that may create roles and tables: `bursar migrate` uses it"
        case .databaseMigrationURLFile: "file that holds database.migration_url"
        case .databaseConnections: "connections of this node's pool"
        case .databaseListenerURL: "URL of the login bursar_listener, which can do nothing but store webhooks"
        case .databaseListenerURLFile: "file that holds database.listener_url"
        case .schedules: "folder or file of the schedules"
        case .operatorSocket: "unix socket of the operator"
        case .operatorListen: "loopback address that serves /metrics and health over TCP"
        case .nodeName: "how this node is called on /status"
        case .nodeSlots: "runs this node works at once"
        case .nodeLease: "how long a silent node keeps its runs"
        case .webhookSources: "file of the senders of webhooks"
        case .publicAddress: "address and port that take webhooks; none takes none"
        case .publicURL: "where the public finds this house, https://HOST: links in mails begin with it"
        case .trustedProxies:
            "addresses and ranges, with commas, of reverse proxies that may say whom a request comes from"
        case .clientHeader: "header in which such a proxy says it"
        case .publicConnections: "public connections at once"
        case .publicConnectionsPerAddress: "public connections at once of one address that is no trusted proxy"
        case .publicHeadTimeout: "how long the head of a public request may take"
        case .publicBodyTimeout: "how long its body may take"
        case .publicIdleTimeout: "how long a public connection may stay without a request"
        case .commandSecrets: "folder of the secrets that commands may ask for by name"
        case .commandDirectory: "folder in which a command's private folder is made"
        case .bakongURL: "where the Bakong Open API is, https://HOST"
        case .bakongTokenKeyFile: "file with the key that Bakong's token is encrypted with, 64 hexadecimal digits"
        case .bakongEmailFile: "file with the e-mail that the token is registered under, a secret: it renews the token"
        case .bakongRate: "calls of Bakong a second over all nodes, or none for any number"
        case .bakongBurst: "calls of Bakong that may be saved up"
        case .bakongPerDay: "calls of Bakong a day over all nodes, or none for any number"
        case .bakongTimeout: "how long an answer of Bakong is waited for"
        case .statementLayouts: "file of the layouts of bank statement files"
        case .noticePolicies: "folder of the dunning policy and its business calendars"
        case .noticeChannels: "file of the channels that notices go out by; without one they go into maildirs"
        case .noticeFolder: "folder of the maildirs of notices"
        case .noticesKeyFile: "file with the key that signs return addresses and links to unsubscribe"
        case .noticesInboundSecretFile: "file with the secret of whoever brings reports of deliveries; none takes none"
        case .noticeTemplates: "folder of templates of notices that come before the shipped ones"
        case .backupDirectory: "folder in which backups lie"
        case .backupDatabaseURL: "URL of the login bursar_backup, never through pgbouncer"
        case .backupDatabaseURLFile: "file that holds backup.database_url"
        case .backupKeyFile: "file with the keys that backups are sealed with, a line each: NAME DIGITS"
        case .backupRecoveryKeyFile: "file with the key that opens backups where the others are lost; drills use it"
        case .backupPush: "program that takes a whole backup elsewhere; its argument is the backup's folder"
        case .backupKeep: "of how many days and weeks the newest backup is kept"
        case .backupScratch: "folder in which drills restore, and leave nothing"
        case .backupRestoreTarget: "how long a restore may take; longer is an alarm"
        case .backupPgBackRest: "pgBackRest, by its full path"
        case .logLevel: "trace, debug, info, notice, warning, error or critical"
        case .logFormat: "journal, human or json"
        case .developmentDirectory: "folder of the private PostgreSQL of `bursar dev`"
        }
    }
}

/// Where a setting's value came from.
enum SettingOrigin: Sendable, Hashable, CustomStringConvertible {
    case flag
    case environment(String)
    case file(path: String, line: Int)
    /// A file that holds nothing but the value.
    case secretFile(String)
    case credential(String)
    /// Nobody set it; the words say why it is what it is.
    case preset(String)

    var isPreset: Bool {
        if case .preset = self { return true }
        return false
    }

    var description: String {
        switch self {
        case .flag: "--set"
        case .environment(let name): name
        case .file(let path, let line): "\(path):\(line)"
        case .secretFile(let path): path
        case .credential(let path): "systemd credential \(path)"
        case .preset(let reason): reason.isEmpty ? "default" : "default (\(reason))"
        }
    }
}

/// A setting's value with its origin.
struct SettingValue: Sendable, Hashable {
    var text: String
    var origin: SettingOrigin
}
