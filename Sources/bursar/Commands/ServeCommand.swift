import ArgumentParser
import Logging

/// The daemon.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Keep time, work runs, and answer the operator, until told to stop.",
        discussion: """
            SIGTERM drains: nothing more is claimed, chunks in hand finish, unfinished runs go back. SIGHUP reads the \
            schedule files again. A database that is away is waited for; one whose schema is not this program's ends \
            the daemon with exit code 78.
            """
    )

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let settings = try options.settings(isDaemon: true)
        try await Daemon(settings: settings, logger: Logger(label: "bursar")).run()
    }
}
