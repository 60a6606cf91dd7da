import Testing
import Webhooks

@Suite("Token buckets")
struct TokenBucketTests {
    private let start = ContinuousClock.now
    private let rate = PostRate(perSecond: 10, burst: 5)

    @Test("A burst is taken at once, then as many a second as the rate says, and a refusal tells how long to wait")
    func burst() {
        let buckets = TokenBuckets<Int>()
        #expect((0..<5).allSatisfy { _ in buckets.take(1, rate, at: start) == nil })
        let wait = buckets.take(1, rate, at: start)
        #expect(wait.map { abs($0 - 0.1) < 0.001 } == true)
        var taken = 0
        for step in 1...1000 where buckets.take(1, rate, at: start + .milliseconds(step * 10)) == nil { taken += 1 }
        #expect((99...100).contains(taken), "\(taken) in ten seconds")
    }

    @Test("Nobody spends the tokens of another")
    func apart() {
        let buckets = TokenBuckets<String>()
        for _ in 0..<1000 { _ = buckets.take("flood", rate, at: start) }
        #expect(buckets.take("quiet", rate, at: start) == nil)
    }

    @Test("Any number of keys fits the memory of a few, and whoever is refused stays refused while he goes on")
    func bounded() {
        let buckets = TokenBuckets<Int>(capacity: 100)
        for _ in 0..<5 { _ = buckets.take(-1, rate, at: start) }
        for key in 0..<100_000 {
            #expect(buckets.take(key, rate, at: start) == nil)
            if key.isMultiple(of: 20) { #expect(buckets.take(-1, rate, at: start) != nil) }
        }
        #expect(buckets.count <= 100)
    }
}
