import Billing
import Custody
import Engine
import Events
import Notices
import Payments
import Postgres
import Standing
import TestSupport
import Testing
import Webhooks

@Suite("The statements of the program")
struct StatementTests {
    /// The lists of all rooms below the executable, whose own are prepared by its tests.
    private static let listed: [Statement] =
        EngineStatements.all + RenewalDueStatements.all + RenewalTransitionStatements.all + RenewalIssueStatements.all
        + ContractCommand.all.map(\.statement) + DemoStatements.all + ExplainStatements.all + InvariantStatements.all
        + HouseNote.all + PaymentStatements.all + BakongStatements.all + InboxStatements.all
        + WebhookDesk.Statements.all + ChannelStatements.all + EndpointCommands.all.map(\.statement)
        + NoticeStatements.all + PayerCommands.all.map(\.statement) + DeliveryReportStatements.all
        + StandingStatements.all + RetentionStatements.all + BackupStatements.all
        + DrillStatements.all + PgBackRestStatements.all

    @Test("Every one is understood by a database with the shipped schema, as the login of production")
    func prepared() async throws {
        try await TestDatabase.with(migrations: Portfolio.migrations) { database in
            try await database.withPool(user: "postgres", size: 1) { pool in
                for statement in Self.listed {
                    do {
                        try await pool.withConnection { try await $0.prepare(statement) }
                    } catch {
                        Issue.record("\(statement.name): \(error)")
                    }
                }
            }
        }
    }

    @Test("A name belongs to one statement")
    func namesAreUnique() {
        let byName = Dictionary(grouping: Set(Self.listed), by: \.name)
        for (name, statements) in byName where statements.count > 1 {
            Issue.record("\(name) is the name of \(statements.count) statements")
        }
    }

    @Test("Every statement that the sources name stands in one of the lists")
    func noneIsForgotten() {
        let known = Set(Self.listed.map(\.name))
        var seen = 0
        for room in [
            "Engine", "JobKit", "Events", "Tenancy", "Billing", "Payments", "Webhooks", "Notices", "Standing",
            "Custody",
        ] {
            for file in files(in: "\(Program.project)/Sources/\(room)", ending: ".swift") {
                for match in contents(of: file).matches(of: /\bStatement\(\s*"([a-z0-9_.]+)"/) {
                    seen += 1
                    if !known.contains(String(match.1)) { Issue.record("\(match.1) of \(file) stands in no list") }
                }
            }
        }
        #expect(seen > 60)
    }
}
