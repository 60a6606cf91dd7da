import SocketLoop
import Testing

@Suite("Socket loop")
struct SocketLoopTests {
    @Test("A sleep ends at its deadline")
    func sleeps() async throws {
        let loop = try SocketLoop()
        let start = ContinuousClock.now
        let readiness = await loop.sleep(until: start + .milliseconds(30))
        #expect(readiness == .timedOut)
        #expect(ContinuousClock.now - start >= .milliseconds(30))
        loop.stop()
    }
}
