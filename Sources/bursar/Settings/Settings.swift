import Glibc
import Listener
import Logging
import Postgres
import Schedules
import Telemetry

/// The configuration as it counts for this process, and where each value came from.
struct Settings: Sendable {
    let environment: ScheduleEnvironment
    let database: DatabaseSettings
    /// A folder of schedule files, or one file.
    let schedules: String
    let operatorSocket: String
    let operatorListen: LoopbackAddress?
    let nodeName: String
    let nodeSlots: Int
    let nodeLease: Duration
    /// The file of the senders of webhooks.
    let webhookSources: String?
    let http: PublicSettings
    /// A folder of secrets, each a file.
    let commandSecrets: String?
    /// Where commands get a folder for themselves.
    let commandDirectory: String
    let bakong: BakongConfiguration
    let returns: ReturnsConfiguration
    /// The file of the layouts of bank statement files.
    let statementLayouts: String?
    /// The folder of the dunning policy and its business calendars; it need not be there.
    let noticePolicies: String
    /// The file of the channels of notices.
    let noticeChannels: String?
    /// Where maildirs of notices lie that say no folder of their own.
    let noticeFolder: String
    /// A folder of templates of notices.
    let noticeTemplates: String?
    let backups: BackupConfiguration
    let logLevel: Logger.Level
    /// Null: what fits standard error.
    let logFormat: LogFormat?
    /// Every key that has a value, for `bursar doctor`.
    let values: [SettingKey: SettingValue]
    /// The configuration file that was read.
    let file: String?

    /// Reads and checks everything.
    ///
    /// - Throws: the first value that cannot be used, with its origin and what is expected.
    init(flags: [String] = [], configFile: String? = nil) throws(CommandFailure) {
        let layers = try SettingsLayers(flags: flags, configFile: configFile)
        var reader = SettingsReader(layers: layers)
        database = try DatabaseSettings(&reader)
        let isPrivate = database.cluster != nil
        let preset: ScheduleEnvironment = isPrivate ? .development : .production
        environment = try reader.word(
            .environment,
            preset: preset.rawValue,
            because: isPrivate ? "the private database" : "a database is configured"
        )
        let isInstalled = environment != .development
        schedules = try reader.text(.schedules, preset: isInstalled ? "/etc/bursar/schedules" : "schedules")
        operatorSocket = try reader.text(.operatorSocket, preset: Self.usualSocket(isInstalled, database))
        operatorListen = try reader.loopback(.operatorListen)
        nodeName = try reader.text(.nodeName, preset: Self.hostName, because: "this host")
        nodeSlots = try reader.number(.nodeSlots, preset: 4, in: 1...2000)
        nodeLease = try reader.duration(.nodeLease, preset: "30s", in: .seconds(1)...Duration.seconds(600))
        webhookSources = try reader.optionalText(.webhookSources)
        http = try PublicSettings(&reader)
        commandSecrets = try reader.optionalText(.commandSecrets)
        commandDirectory = try reader.text(.commandDirectory, preset: Self.usualCommandDirectory)
        bakong = try BakongConfiguration(&reader, isDevelopment: environment == .development)
        returns = try ReturnsConfiguration(&reader, isDevelopment: environment == .development)
        statementLayouts = try reader.optionalText(.statementLayouts)
        noticePolicies = try reader.text(.noticePolicies, preset: Self.policies(beside: schedules))
        noticeChannels = try reader.optionalText(.noticeChannels)
        noticeFolder = try reader.text(.noticeFolder, preset: Self.usualNoticeFolder(isInstalled, database))
        noticeTemplates = try reader.optionalText(.noticeTemplates)
        backups = try BackupConfiguration(&reader, isInstalled: isInstalled, database)
        logLevel = try reader.word(.logLevel, preset: Logger.Level.info.rawValue)
        logFormat = try reader.optionalWord(.logFormat)
        values = reader.values
        file = layers.filePath
    }

    /// Refuses staging and production without a database of their own.
    ///
    /// - Throws: `CommandFailure` that says where to name it.
    func requireDatabase() throws(CommandFailure) {
        guard database.cluster != nil, environment != .development else { return }
        throw CommandFailure(
            .configuration,
            "environment is \(environment.rawValue), and no database is configured",
            remedy: "set database.url_file in /etc/bursar/bursar.yaml, or BURSAR_DATABASE_URL"
        )
    }

    /// The daemon's own runtime folder, or where the unit puts it; in development beside the private server's socket.
    private static func usualSocket(_ isInstalled: Bool, _ database: DatabaseSettings) -> String {
        if let folder = getenv("RUNTIME_DIRECTORY") { return String(cString: folder) + "/operator.sock" }
        if isInstalled { return "/run/bursar/operator.sock" }
        return PrivateCluster.settings(preferring: database.developmentDirectory).socketDirectory + "/operator.sock"
    }

    /// Where the unit keeps what must outlive a restart; in development beside the private server's folder.
    private static func usualNoticeFolder(_ isInstalled: Bool, _ database: DatabaseSettings) -> String {
        if let folder = getenv("STATE_DIRECTORY") { return String(cString: folder) + "/notices" }
        return isInstalled ? "/var/lib/bursar/notices" : "\(database.developmentDirectory)/notices"
    }

    /// As this machine calls itself.
    static var hostName: String {
        var bytes = [CChar](repeating: 0, count: 256)
        guard gethostname(&bytes, bytes.count - 1) == 0 else { return "localhost" }
        return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
