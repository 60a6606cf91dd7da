import ArgumentParser

/// Puts the daemon's schedule files in force on purpose, also a set that was in force before.
struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Put the daemon's schedule files in force, even a set that was in force before.",
        discussion: """
            A start or a reload never brings an older set back, since that may be an accident of a deployment. This \
            command does.
            """
    )

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let answer = try await OperatorClient(try options.settings(needsDatabase: false)).perform("apply")
        Answer.show(answer, json: options.json)
    }
}
