internal import Synchronization

/// How many posts a second are taken, and how many may come at once after a pause.
package struct PostRate: Sendable, Hashable {
    package var perSecond: Double
    package var burst: Double

    package init(perSecond: Double, burst: Double) {
        self.perSecond = perSecond
        self.burst = burst
    }
}

/// Tokens that come back with time; each post takes one.
struct TokenBucket: Sendable, Equatable {
    private var tokens: Double
    private var since: ContinuousClock.Instant

    /// Full.
    init(_ rate: PostRate, at now: ContinuousClock.Instant) {
        tokens = rate.burst
        since = now
    }

    /// Takes a token; nil, or how many seconds there is none.
    mutating func take(_ rate: PostRate, at now: ContinuousClock.Instant) -> Double? {
        let passed = max(0, (now - since) / .seconds(1))
        tokens = min(rate.burst, tokens + passed * rate.perSecond)
        since = max(since, now)
        guard tokens >= 1 else { return (1 - tokens) / rate.perSecond }
        tokens -= 1
        return nil
    }
}

/// A bucket for each key, in bounded memory.
///
/// The keys that were not used for longest are forgotten first. A forgotten key begins with a full bucket again, so nobody is
/// ever refused for what others did, however many they are.
package final class TokenBuckets<Key: Hashable & Sendable>: Sendable {
    private struct State {
        var young: [Key: TokenBucket] = [:]
        var old: [Key: TokenBucket] = [:]
    }

    private let state = Mutex(State())
    private let capacity: Int

    /// - Parameter capacity: at most so many keys are remembered.
    package init(capacity: Int = 16_384) { self.capacity = max(2, capacity) }

    /// Takes a token of a key; nil, or how many seconds there is none.
    package func take(_ key: Key, _ rate: PostRate, at now: ContinuousClock.Instant = .now) -> Double? {
        state.withLock { state in
            var bucket = state.young[key] ?? state.old.removeValue(forKey: key) ?? TokenBucket(rate, at: now)
            let wait = bucket.take(rate, at: now)
            state.young[key] = bucket
            if state.young.count >= capacity / 2 {
                state.old = state.young
                state.young = [:]
            }
            return wait
        }
    }

    /// How many keys are remembered.
    package var count: Int { state.withLock { $0.young.count + $0.old.count } }
}
