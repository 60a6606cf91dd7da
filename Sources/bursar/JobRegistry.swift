import Engine
import Renewals
import Scanner

extension JobRegistry {
    /// The jobs that this program knows: one line each.
    static let shipped = JobRegistry([
        AnyJob(Renewals()),
        AnyJob(Scanner(SchedulerScan())),
    ])
}
