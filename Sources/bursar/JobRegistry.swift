import Engine
import Renewals

extension JobRegistry {
    /// The jobs that this program knows: one line each.
    static let shipped = JobRegistry([
        AnyJob(Renewals())
    ])
}
