import ArgumentParser

/// The daemon's own word on how it is.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the running daemon's state.",
        discussion: "Asks the daemon through the operator socket. Exit code 69 when none answers."
    )

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let answer = try await OperatorClient(try options.settings(needsDatabase: false)).get("/status")
        Answer.show(answer, json: options.json)
    }
}

/// What the daemon answered, for programs as it is, for people in lines.
enum Answer {
    static func show(_ bytes: [UInt8], json: Bool) {
        let text = String(decoding: bytes, as: UTF8.self)
        guard !json, let tree = JSONTree(bytes) else { return Terminal.print(text) }
        let lines = tree.lines()
        Terminal.print(lines.isEmpty ? "none" : lines.joined(separator: "\n"))
    }
}
