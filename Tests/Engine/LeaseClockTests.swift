import Testing

@testable import Engine

@Suite("A node's belief in its lease")
struct LeaseClockTests {
    private let start = ContinuousClock.now

    @Test("The lease is counted from the start of the call that granted it, whatever the call took")
    func countsFromTheStart() {
        var clock = LeaseClock(length: .seconds(30), grantedAt: start)
        clock.renewed(callBegan: start + .seconds(10))
        #expect(clock.abandonAt == start + .seconds(37))
    }

    @Test("A node renews after a third of the lease, sooner after a failure")
    func renewsInTime() {
        let clock = LeaseClock(length: .seconds(30), grantedAt: start)
        #expect(clock.next(now: start, lastAttemptFailed: false) == .renew(at: start + .seconds(10)))
        #expect(clock.next(now: start, lastAttemptFailed: true) == .renew(at: start + .milliseconds(1500)))
    }

    @Test("A node that could not renew abandons its work before the database's lease ends")
    func abandonsBeforeTheEnd() {
        let clock = LeaseClock(length: .seconds(30), grantedAt: start)
        #expect(clock.next(now: start + .seconds(26), lastAttemptFailed: true) == .renew(at: start + .seconds(27)))
        #expect(clock.next(now: start + .seconds(27), lastAttemptFailed: true) == .abandon)
        #expect(clock.next(now: start + .seconds(90), lastAttemptFailed: false) == .abandon)
    }

    @Test("An answer that comes late never shortens what a later call was granted")
    func neverShortens() {
        var clock = LeaseClock(length: .seconds(30), grantedAt: start + .seconds(20))
        clock.renewed(callBegan: start)
        #expect(clock.abandonAt == start + .seconds(47))
    }
}
