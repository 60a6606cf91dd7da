internal import JobKit
internal import Postgres
internal import Synchronization

/// Waits for the work of an attempt, or for the first reason to wait no longer: its deadline, or a lost lease.
///
/// Code cannot be ended from outside, only asked to end. Where it ignores that for the grace, its slot is given to others:
/// the task is left behind, its fence is taken away, and whatever it still tries is refused.
struct AttemptRace: Sendable {
    let deadline: Duration?
    let grace: Duration
    /// Called when the deadline passes, before the work is asked to end.
    let deadlinePassed: @Sendable () async -> Void

    /// - Throws: what the work threw; `JobError` where its deadline passed; `LeaseLost` where it ignored its end.
    func run(
        _ identity: RunIdentity,
        _ signals: RunSignals,
        _ work: @escaping @Sendable () async throws -> AttemptEnding
    ) async throws -> AttemptEnding {
        let finish = FinishLine()
        // Unstructured: a task group would wait for work that ignores its end, for ever.
        let task = Task {
            do {
                finish.arrived(.success(try await work()))
            } catch {
                finish.arrived(.failure(error))
            }
        }
        let lost = LeaseLost(run: identity.id, fence: identity.fence)
        signals.onAbandonment { stop(task, because: lost, lost, finish) }
        let clock = deadline.map { deadline in
            Task {
                // Waiting: the deadline itself.
                guard (try? await Task.sleep(for: deadline)) != nil else { return }
                await deadlinePassed()
                stop(task, because: JobError(.transient, "the deadline of \(deadline) passed"), lost, finish)
            }
        }
        defer { clock?.cancel() }
        return try await withTaskCancellationHandler {
            try await finish.result()
        } onCancel: {
            task.cancel()
        }
    }

    private func stop(_ task: Task<Void, Never>, because reason: any Error, _ lost: LeaseLost, _ finish: FinishLine) {
        finish.stop(because: reason)
        task.cancel()
        Task {
            // Waiting: the time that the work has to end when it is asked to.
            try? await Task.sleep(for: grace)
            finish.giveUp(lost)
        }
    }
}

/// Where the work of an attempt arrives, or is no longer waited for; what comes later counts for nothing.
private final class FinishLine: Sendable {
    private typealias Ending = Result<AttemptEnding, any Error>

    private struct State {
        var waiting: CheckedContinuation<Ending, Never>?
        var ending: Ending?
        var reason: (any Error)?
    }

    private let state = Mutex(State())

    func result() async throws -> AttemptEnding {
        try await withCheckedContinuation { continuation in
            let ending = state.withLock { state in
                if state.ending == nil { state.waiting = continuation }
                return state.ending
            }
            if let ending { continuation.resume(returning: ending) }
        }
        .get()
    }

    /// The work has ended; where it had been asked to, that is what counts.
    func arrived(_ ending: Result<AttemptEnding, any Error>) {
        end { state in state.reason.map { .failure($0) } ?? ending }
    }

    /// The work is asked to end.
    ///
    /// A lease that is lost as well ends the waiting.
    func stop(because reason: any Error) {
        let isSecond = state.withLock { state in
            defer { if state.reason == nil { state.reason = reason } }
            return state.reason != nil
        }
        if isSecond, reason is LeaseLost { giveUp(reason) }
    }

    func giveUp(_ reason: any Error) { end { _ in .failure(reason) } }

    private func end(_ choose: (State) -> Ending) {
        let (waiting, ending) = state.withLock { state in
            guard state.ending == nil else { return (nil as CheckedContinuation<Ending, Never>?, nil as Ending?) }
            let ending = choose(state)
            state.ending = ending
            defer { state.waiting = nil }
            return (state.waiting, ending)
        }
        if let waiting, let ending { waiting.resume(returning: ending) }
    }
}

/// Raises the alarm of a deadline at the moment it passes.
struct DeadlineNotice: Sendable {
    let database: PostgresPool

    /// How far this node's clock may have run ahead of the server's while it counted a deadline.
    private static let slack = Duration.seconds(5)

    /// Says nothing where the database is away: the lookout of any node finds the same later.
    func raise(_ run: Int64) async {
        try? await database.withTransaction(.engine) { transaction in
            let passed = try await transaction.query(AlarmConditions.deadline, Self.slack, run).map(Alarm.init)
            try await AlarmBook(in: transaction).raise(passed)
        }
    }
}
