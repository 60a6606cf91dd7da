internal import JobKit
internal import Postgres

/// Waits for the work of an attempt, or for the first reason to wait no longer: its deadline, or a lost lease.
///
/// Code cannot be ended from outside, only asked to end. Where it ignores that for the grace, its slot is given to others:
/// the task is left behind, its fence is taken away, and whatever it still tries is refused.
struct AttemptRace: Sendable {
    private enum Event: Sendable {
        case ended(Result<AttemptEnding, any Error>)
        case stop(any Error)
    }

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
        let (events, told) = AsyncStream.makeStream(of: Event.self)
        // Unstructured: a task group would wait for work that ignores its end, for ever.
        let task = Task {
            do {
                told.yield(.ended(.success(try await work())))
            } catch {
                told.yield(.ended(.failure(error)))
            }
        }
        return try await withTaskCancellationHandler {
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask { await reasonsToStop(identity, signals, told) }
                defer {
                    group.cancelAll()
                    task.cancel()
                }
                return try await decide(identity, events, task, &group, told)
            }
        } onCancel: {
            task.cancel()
        }
    }

    private func reasonsToStop(
        _ identity: RunIdentity,
        _ signals: RunSignals,
        _ told: AsyncStream<Event>.Continuation
    ) async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                await signals.untilAbandoned()
                do { try signals.check(identity) } catch { told.yield(.stop(error)) }
            }
            guard let deadline else { return }
            group.addTask {
                // Waiting: the deadline itself.
                guard (try? await Task.sleep(for: deadline)) != nil else { return }
                await deadlinePassed()
                told.yield(.stop(JobError(.transient, "the deadline of \(deadline) passed")))
            }
        }
    }

    private func decide(
        _ identity: RunIdentity,
        _ events: AsyncStream<Event>,
        _ task: Task<Void, Never>,
        _ group: inout ThrowingDiscardingTaskGroup<any Error>,
        _ told: AsyncStream<Event>.Continuation
    ) async throws -> AttemptEnding {
        var stopped: (any Error)?
        for await event in events {
            switch (event, stopped) {
            case (.ended(let result), nil): return try result.get()
            case (.ended, let reason?): throw reason
            case (.stop(let reason), nil):
                stopped = reason
                task.cancel()
                let lost = LeaseLost(run: identity.id, fence: identity.fence)
                group.addTask {
                    // Waiting: the time that the work has to end when it is asked to.
                    guard (try? await Task.sleep(for: grace)) != nil else { return }
                    told.yield(.stop(lost))
                }
            case (.stop(let reason), let first?): throw reason is LeaseLost ? reason : first
            }
        }
        throw CancellationError()
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
