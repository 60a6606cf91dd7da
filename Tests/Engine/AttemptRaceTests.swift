import CivilTime
import JobKit
import Testing

@testable import Engine

@Suite("An attempt against its deadline")
struct AttemptRaceTests {
    private let run = RunIdentity(
        id: 1,
        job: "any",
        schedule: nil,
        attempt: 1,
        fence: 1,
        asOf: Instant(secondsSinceEpoch: 0),
        isDryRun: false
    )

    private func race(deadline: Duration?, grace: Duration) -> AttemptRace {
        AttemptRace(deadline: deadline, grace: grace) {}
    }

    @Test("Work that ends in time ends the attempt as it says")
    func inTime() async throws {
        let ending = try await race(deadline: .seconds(60), grace: .seconds(60)).run(run, RunSignals()) {
            .succeeded("done")
        }
        #expect(ending.outcome == "succeeded")
    }

    @Test("Past its deadline work is cancelled, and the attempt has failed for a passing reason whatever the work says")
    func cancelled() async throws {
        let error = await #expect(throws: JobError.self) {
            try await race(deadline: .milliseconds(20), grace: .seconds(60)).run(run, RunSignals()) {
                // Ends as soon as it is cancelled.
                try? await Task.sleep(for: .seconds(3600))
                return .succeeded("after all")
            }
        }
        #expect(error?.disposition == .transient)
    }

    @Test("Work that ignores its end is left behind after the grace, as one that has lost its lease")
    func ignored() async throws {
        let (endless, release) = AsyncStream.makeStream(of: Void.self)
        await #expect(throws: LeaseLost.self) {
            try await race(deadline: .milliseconds(20), grace: .milliseconds(20)).run(run, RunSignals()) {
                await Self.untilReleased(endless)
                return .succeeded("long after")
            }
        }
        release.finish()
    }

    @Test("A lost lease ends the attempt, also where the work does not hear of it")
    func abandoned() async throws {
        let (endless, release) = AsyncStream.makeStream(of: Void.self)
        let signals = RunSignals()
        signals.abandon()
        await #expect(throws: LeaseLost.self) {
            try await race(deadline: nil, grace: .milliseconds(20)).run(run, signals) {
                await Self.untilReleased(endless)
                return .succeeded("long after")
            }
        }
        release.finish()
    }

    /// Waits in a task that does not hear of a cancellation.
    private static func untilReleased(_ stream: AsyncStream<Void>) async {
        await Task { for await _ in stream {} }.value
    }
}
