/// How long a run that failed waits: doubling from the first wait up to the longest, spread by jitter.
package struct Backoff: Equatable, Sendable {
    package let initial: Duration
    package let longest: Duration
    /// The share by which a wait may be shorter or longer, from 0 to 1.
    package let jitter: Double

    package init(initial: Duration, longest: Duration, jitter: Double) {
        self.initial = initial
        self.longest = longest
        self.jitter = jitter
    }

    /// The wait after the failure with this number, from 1.
    ///
    /// `chance` is between 0 and 1.
    package func wait(afterFailure number: Int, chance: Double) -> Duration {
        let doublings = min(max(number - 1, 0), 40)
        let plain = min(initial * (1 << doublings), longest)
        return min(plain * (1 + jitter * (2 * chance - 1)), longest)
    }
}
