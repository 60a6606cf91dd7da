/// The keys of one mapping of a file that ships with a JSON Schema.
///
/// The reader, the JSON Schema and the reference page all follow these.
package protocol ScheduleFileKey: FileKeys {
    /// What the key means, in a sentence for editors that show the JSON Schema.
    var help: String { get }
    /// The key's value in the words of JSON Schema.
    var schema: JSONValue { get }
}

/// The keys at the top of a file.
enum FileKey: String, ScheduleFileKey {
    case version, schedules
}

/// The keys of one schedule.
enum ScheduleKey: String, ScheduleFileKey {
    case job, description, owner, cron, every, once
    case timeZone = "time_zone"
    case dst, misfire, overlap, after
    case startWithin = "start_within"
    case deadline, jitter, retry, enabled, environments, parameters

    /// Exactly one of these says when the schedule is due.
    static let timings: [ScheduleKey] = [.cron, .every, .once]

    /// A change of these says nothing about when the schedule is due or what becomes of missed fires: time goes on.
    static let leavingTimeAlone = Set(
        [ScheduleKey.description, owner, overlap, after, startWithin, deadline, jitter, retry, parameters].map(
            \.rawValue
        )
    )
}

/// The keys of `dst`.
enum DSTKey: String, ScheduleFileKey {
    case missing, repeated
}

/// The keys of `misfire`.
enum MisfireKey: String, ScheduleFileKey {
    case policy, within, limit
}

/// The keys of `retry`.
enum RetryKey: String, ScheduleFileKey {
    case attempts, initial, max, jitter
}

/// The limits of values that the reader and the JSON Schema share.
enum ScheduleLimits {
    static let nameLength = 63
    static let attempts: ClosedRange<Int64> = 1...100
    static let misfireLimit: ClosedRange<Int64> = 1...10_000
    static let jitter: ClosedRange<Double> = 0...1
    static let fileBytes = 1_048_576
}
