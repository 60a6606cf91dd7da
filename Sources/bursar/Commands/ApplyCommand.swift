import ArgumentParser

/// Puts the daemon's schedule files in force on purpose, also a set that was in force before.
struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Put the daemon's schedule files in force, even a set that was in force before.",
        discussion: """
            With the number of a proposal that `bursar plan` made, exactly that edit is done. It is refused with 75 when the \
            files or the schedules in force have moved since: plan again. Without a number the files are planned and \
            applied at once.

            A start or a reload never brings an older set back, since that may be an accident of a deployment. This \
            command does.
            """
    )

    @Argument(help: ArgumentHelp("The number of the proposal; none plans and applies at once.", valueName: "proposal"))
    var proposal: Int64?

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let body = Array(JSON.text(of: ApplyWish(proposal: proposal)).utf8)
        let answer = try await OperatorClient(try options.settings(needsDatabase: false)).perform("apply", body)
        Answer.show(answer, json: options.json)
    }
}
