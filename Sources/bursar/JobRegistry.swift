import BakongReconciliation
import Command
import Engine
import JobKit
import Payments
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
                AnyJob(BakongReconciliation(asking: NoProvider())),
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

/// Where no provider is connected: nobody knows whether anything was paid, and only statements tell.
struct NoProvider: PaymentProvider {
    func ask(_ lookups: [DueLookup], in context: JobContext) async throws -> [AnsweredLookup] {
        lookups.map { AnsweredLookup($0, .unknown("no provider is connected")) }
    }
}
