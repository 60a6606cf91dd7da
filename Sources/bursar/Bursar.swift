import ArgumentParser
import Programs

/// The command line: every command is one file under `Commands`, and this is the list of them.
@main
struct Bursar: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bursar",
        abstract: "The back office of a subscription business: it keeps time, bills, and proves what it did.",
        discussion: """
            Exit codes: 0 done, 1 a finding, 64 usage, 65 bad data, 69 service unavailable, 70 internal, 75 try again \
            or needs approval, 77 not permitted, 78 configuration.
            """,
        version: Version.text,
        groupedSubcommands: [
            CommandGroup(name: "The daemon", subcommands: [ServeCommand.self, ReloadCommand.self, StatusCommand.self]),
            CommandGroup(
                name: "Schedule files and time",
                subcommands: [
                    CheckCommand.self, PlanCommand.self, ApplyCommand.self, SchedulesCommand.self, CronCommand.self,
                    ImportCommand.self,
                ]
            ),
            CommandGroup(
                name: "Runs",
                subcommands: [
                    RunCommand.self, RunsCommand.self, ProvidersCommand.self, AlarmsCommand.self, NodesCommand.self,
                ]
            ),
            CommandGroup(
                name: "The business by hand",
                subcommands: [
                    IssuersCommand.self, PlansCommand.self, TenantsCommand.self, SubscriptionsCommand.self,
                    InvoicesCommand.self, PaymentsCommand.self, ReconCommand.self, RatesCommand.self,
                    BakongCommand.self,
                ]
            ),
            CommandGroup(
                name: "Notices",
                subcommands: [
                    NoticesCommand.self, TemplatesCommand.self, ContactsCommand.self, ConsentsCommand.self,
                    SuppressionsCommand.self, EndpointsCommand.self, DSNCommand.self,
                ]
            ),
            CommandGroup(name: "Payments", subcommands: [KHQRCommand.self, WebhooksCommand.self]),
            CommandGroup(
                name: "Custody",
                subcommands: [BackupCommand.self, DrillCommand.self, RetentionCommand.self, HoldsCommand.self]
            ),
            CommandGroup(
                name: "Operations",
                subcommands: [ExplainCommand.self, VerifyCommand.self, MigrateCommand.self, DoctorCommand.self]
            ),
            CommandGroup(
                name: "Development",
                subcommands: [DevCommand.self, DemoCommand.self, SimCommand.self, BenchCommand.self]
            ),
        ]
    )

    static func main() async {
        Keeper.becomeIfAsked()
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            FailureReport.exit(with: error)
        }
    }
}

/// What this program is.
enum Version {
    static let text = "0.1.0"
}
