package import Schedules

/// What one run of a job is asked to do: typed, with every field declared, so that a schedule file and `bursar run --param`
/// can refuse a wrong one in words.
package protocol JobParameters: Codable, Sendable {
    /// Every field, in the order an operator should read them.
    static var fields: [ParameterField] { get }
}
