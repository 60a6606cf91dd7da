/// Why a cron expression is refused, where in it, and what to write instead.
package struct CronError: Error, Hashable {
    package let expression: String
    /// Where the trouble starts, counted in characters from 1.
    package let column: Int
    /// What is wrong.
    package let problem: String
    /// What to write instead.
    package let remedy: String
}

extension CronError: CustomStringConvertible {
    package var description: String {
        "cron expression \"\(expression)\", column \(column): \(problem); \(remedy)"
    }
}
