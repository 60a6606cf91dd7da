package import JobKit
internal import Logging
internal import Programs

/// Runs an external program: an argument list, no shell, and nothing of it left when the run is over.
///
/// The program's effects are outside of the database, so they happen at least once: an attempt that crashed after the start
/// has an unknown outcome, and the next one starts the program again, unless ``Parameters/after_unknown`` says to stop. What
/// one attempt is known to have done no other does again. The program may tell a repetition by `BURSAR_IDEMPOTENCY_KEY`.
package struct Command: Job {
    package static let name: JobName = "command"
    package static let summary = "Run an external program"

    private let house: CommandHouse

    package init(_ house: CommandHouse = CommandHouse()) { self.house = house }

    package func run(_ parameters: Parameters, in context: JobContext) async throws -> Outcome {
        context.lines.limit = AttemptLines.Limit(
            lines: Int(parameters.output_lines),
            bytes: Int(parameters.output_bytes)
        )
        let plan = try await CommandPlan(parameters, context, house)
        guard !context.run.isDryRun else { return .succeeded("would start \(plan.description)") }
        switch try await context.intend(plan.program.commandLine, key: plan.key) {
        case .none: break
        case .done(let detail): return .succeeded("an earlier attempt did it: \(detail)")
        case .unknown where parameters.after_unknown == "stop":
            let words = "an earlier attempt started the program, and nobody knows how it ended"
            try await context.conclude(plan.key, .failed, "not started: \(words)")
            throw JobError(.permanent, "\(words); look, then try again with: bursar runs retry \(context.run.id)")
        case .unknown:
            context.logger.notice("an earlier attempt started the program, and nobody knows how it ended")
        }
        return try await work(plan, parameters, context)
    }

    /// The program's exit code has said it.
    package func postcondition(_ parameters: Parameters, in context: JobContext) async throws -> Postcondition { .held }

    private func work(_ plan: CommandPlan, _ parameters: Parameters, _ context: JobContext) async throws -> Outcome {
        do {
            let program = try await plan.furnished(house)
            let end: End
            do {
                end = try await start(program, context)
            } catch {
                await Self.clear(program)
                throw error
            }
            await Self.clear(program)
            return try await conclude(end, plan, parameters, context)
        } catch let refused as ProgramRefused {
            try await context.conclude(plan.key, .failed, refused.reason)
            throw JobError(refused.isPassing ? .transient : .permanent, refused.reason)
        }
    }

    /// How a program ended, and whether it was told to: then its exit code does not say whether its work is done.
    private struct End: Sendable {
        var ending = ProgramEnding.lost
        var wasToldTo = false
    }

    /// Runs the program until it ends, or the run is told to stop.
    private func start(_ program: Program, _ context: JobContext) async throws -> End {
        let runner = ProgramRunner(keeper: house.keeper)
        return try await withThrowingTaskGroup(of: ProgramEnding?.self) { group in
            group.addTask {
                try await runner.run(program) {
                    context.isAbandoned ? min(program.grace, CommandHouse.graceWhenAbandoned) : program.grace
                } line: { stream, text in
                    context.lines.keep(text, from: stream == .output ? .stdout : .stderr)
                }
            }
            group.addTask {
                await context.untilStopped()
                return nil
            }
            var end = End()
            var hasEnded = false
            for try await ending in group {
                if let ending {
                    end.ending = ending
                    hasEnded = true
                    end.wasToldTo = end.wasToldTo || Task.isCancelled
                } else if !hasEnded {
                    end.wasToldTo = true
                }
                // Whichever came first, the other one has nothing to wait for.
                group.cancelAll()
            }
            return end
        }
    }

    private static func clear(_ program: Program) async {
        guard let folder = program.folder else { return }
        await onOwnThread { folder.remove() }
    }

    /// Writes down how the program ended, and says what that means for the run.
    private func conclude(
        _ end: End,
        _ plan: CommandPlan,
        _ parameters: Parameters,
        _ context: JobContext
    ) async throws -> Outcome {
        let verdict = ExitVerdict(end.ending, parameters)
        let words = verdict.words(end.ending)
        guard end.ending != .lost else {
            throw JobError(.transient, "\(words): its keeper was killed, or it could not be ended")
        }
        guard !end.wasToldTo else {
            try await context.conclude(plan.key, .stopped, words)
            try context.checkWhetherToStop()
            throw CancellationError()
        }
        try await context.conclude(plan.key, verdict == .success ? .done : .failed, words)
        return try verdict.outcome(end.ending)
    }
}
