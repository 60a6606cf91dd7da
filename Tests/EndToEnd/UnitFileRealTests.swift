import Glibc
import TestSupport
import Testing

@Suite("The systemd unit", .enabled(if: getenv("BURSAR_REAL") != nil))
struct UnitFileRealTests {
    private static let hasSystemd = access("/usr/bin/systemd-analyze", X_OK) == 0

    @Test("systemd understands every line of it", .enabled(if: hasSystemd))
    func verified() async throws {
        // Its program is at hand under the path of the unit only where Bursar is installed.
        let said = try await analyze("verify", "--man=no")
        let complaints = said.split(separator: "\n").filter {
            !$0.contains("is not executable") && !$0.contains("No such file")
        }
        #expect(complaints.isEmpty, "\(said)")
    }

    @Test("systemd rates what it may do as harmless", .enabled(if: hasSystemd))
    func security() async throws {
        let said = try await analyze("security", "--offline=true", "--no-pager")
        let exposure = try #require(said.firstMatch(of: /Overall exposure level for [^:]*: ([0-9.]+)/), "\(said)")
        #expect((Double(exposure.1) ?? 10) < 3.0, "\(said)")
    }

    private func analyze(_ words: String...) async throws -> String {
        let log = "\(Orphans.folder)/systemd-\(words[0]).log"
        let process = try ChildProcess(
            "systemd-analyze",
            words + ["\(Program.project)/systemd/bursar.service"],
            environment: Program.environment,
            folder: "/",
            output: log,
            errors: log
        )
        try await process.end(within: .seconds(60))
        return process.said
    }
}
