import TestSupport
import Testing

@Suite("The documents")
struct DocsTests {
    static let documents =
        ["README.md"]
        + files(in: "\(Program.project)/docs", ending: ".md").map {
            String($0.dropFirst(Program.project.count + 1))
        }

    @Test("Every console block of a document does what it shows", arguments: documents)
    func consoleBlocks(_ document: String) async throws {
        try await House.with(Portfolio.empty) { house in
            let runner = try ChildProcess(
                "\(Program.project)/Tests/Tools/console-blocks",
                [
                    "--bursar", Program.path, "--files", "\(Program.project)/schedules",
                    "\(Program.project)/\(document)",
                ],
                environment: Program.environment,
                folder: house.folder,
                output: "\(house.folder)/docs.out",
                errors: "\(house.folder)/docs.log"
            )
            #expect(try await runner.end(within: .seconds(240)) == .exited(0), "\(runner.answered)\(runner.said)")
        }
    }
}
