import Command
import Engine
import Renewals
import Scanner
import Schedules
import Trial

extension JobRegistry {
    /// The jobs that this program knows: one line each.
    static func shipped(commands: CommandHouse, trials: Bool = false) -> JobRegistry {
        JobRegistry(
            [
                AnyJob(Renewals()),
                AnyJob(Scanner(SchedulerScan())),
                AnyJob(Command(commands)),
            ] + (trials ? [AnyJob(Trial(TrialLedger()))] : [])
        )
    }

    /// The same, for whoever asks what there is and runs none of it.
    static let shipped = shipped(commands: CommandHouse())

    /// The same, as this node runs them.
    static func shipped(_ settings: Settings) -> JobRegistry {
        shipped(commands: settings.commandHouse, trials: settings.environment == .development)
    }
}
