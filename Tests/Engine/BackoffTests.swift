import Testing

@testable import Engine

@Suite("The wait between attempts")
struct BackoffTests {
    private let backoff = Backoff(initial: .seconds(30), longest: .seconds(3600), jitter: 0.2)

    @Test(
        "doubles from the first wait up to the longest",
        arguments: [(1, 30), (2, 60), (4, 240), (7, 1920), (8, 3600), (400, 3600)]
    )
    func doubles(failure: Int, seconds: Int) {
        #expect(backoff.wait(afterFailure: failure, chance: 0.5) == .seconds(seconds))
    }

    @Test("is spread by the jitter, and never longer than the longest")
    func isSpread() {
        #expect(backoff.wait(afterFailure: 1, chance: 0) == .seconds(24))
        #expect(backoff.wait(afterFailure: 1, chance: 1) == .seconds(36))
        #expect(backoff.wait(afterFailure: 20, chance: 1) == .seconds(3600))
    }
}
