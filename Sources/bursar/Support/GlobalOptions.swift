import ArgumentParser
import Logging
import Telemetry

/// What every command takes.
struct GlobalOptions: ParsableArguments {
    @Flag(name: .long, help: "Print JSON: the answer to standard output, errors to standard error.")
    var json = false

    @Option(name: .long, help: ArgumentHelp("The configuration file.", valueName: "file"))
    var config: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Set a configuration key for this command, as node.slots=8; secrets are refused here.",
            valueName: "key=value"
        )
    )
    var set: [String] = []

    /// Reads the configuration and connects the log.
    ///
    /// A command other than the daemon logs warnings only, unless `log.level` is set.
    ///
    /// - Parameters:
    ///   - isDaemon: whether this process serves.
    ///   - needsDatabase: false for commands that ask files or the daemon only: an operator's shell need not know the
    ///     database.
    /// - Returns: the configuration as it counts for this command.
    /// - Throws: what is wrong with it.
    func settings(isDaemon: Bool = false, needsDatabase: Bool = true) throws -> Settings {
        let settings = try Settings(flags: set, configFile: config)
        if needsDatabase { try settings.requireDatabase() }
        let isPreset = settings.values[.logLevel]?.origin.isPreset ?? true
        Telemetry.bootstrap(level: isPreset && !isDaemon ? .warning : settings.logLevel, format: settings.logFormat)
        return settings
    }

    /// Prints the answer in the form that was asked for.
    func show<Value: Encodable>(_ value: Value, _ text: (Value) -> String) {
        Terminal.print(json ? JSON.text(of: value) : text(value))
    }

    func progress() -> Progress { Progress(isWanted: !json) }
}
