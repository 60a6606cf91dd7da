import ArgumentParser

/// Puts changed schedule files in force.
struct ReloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Make the daemon read its schedules, webhook sources and dunning policies again.",
        discussion: """
            Returns when the new files are in force. When a file has an error nothing of its kind changes, what was \
            in force stays, and the exit code is not 0.
            """
    )

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let answer = try await OperatorClient(try options.settings(needsDatabase: false)).perform("reload")
        Answer.show(answer, json: options.json)
    }
}
