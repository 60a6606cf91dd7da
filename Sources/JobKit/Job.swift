/// A kind of work that Bursar can run.
///
/// A job module is one value that conforms to `Job`, in a folder of its own under `Jobs/`. It says what one run is asked
/// to do (``Parameters``), does it in chunks through its ``JobContext``, and states when it is done (``postcondition(_:in:)``).
/// It holds no SQL and opens no connection: it asks the domain room that it serves.
package protocol Job: Sendable {
    /// What one run is asked to do. Stored as JSON with the run, so it changes only by addition.
    associatedtype Parameters: JobParameters

    /// The name that schedule files, operators and metrics use. It never changes once released.
    static var name: JobName { get }

    /// One line for an operator who has never seen the job.
    static var summary: String { get }

    /// How many of its runs may be under way at the same time; any number where a job says nothing.
    static var limits: JobLimits { get }

    /// Does what is due, chunk by chunk.
    ///
    /// - Throws: ``JobError`` to say what should happen next; anything else is tried again under the schedule's retry policy.
    func run(_ parameters: Parameters, in context: JobContext) async throws -> Outcome

    /// Whether nothing that was due when the attempt began is left undone. Asked after ``run(_:in:)`` succeeded; where it
    /// is broken the attempt has failed, though nothing threw.
    func postcondition(_ parameters: Parameters, in context: JobContext) async throws -> Postcondition
}

extension Job {
    package static var limits: JobLimits { .none }
}

/// The name of a job, such as `renewals`.
package struct JobName: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The name as written in schedule files, logs and metrics.
    package let description: String

    /// A name written in the source: jobs are never made at run time.
    package init(stringLiteral value: StaticString) { description = "\(value)" }
}

/// What a run that did not fail came to.
package enum Outcome: Equatable, Sendable {
    /// The work is done; the text says how much of it there was.
    case succeeded(String)
    /// Not yet: try again no earlier than this long from now. It costs no attempt.
    case snoozed(Duration)
}

/// Whether a run kept its promise.
package enum Postcondition: Equatable, Sendable {
    /// Nothing that was due is left undone.
    case held
    /// Something is; the text says what, for an operator.
    case broken(String)
}
