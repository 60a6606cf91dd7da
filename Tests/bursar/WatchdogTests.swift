import Testing

@testable import bursar

@Suite("What keeps the watchdog content")
struct WatchdogTests {
    @Test(
        "Every loop must have come round within its patience; one that has not begun yet is not away",
        arguments: [
            ([Duration?.some(.seconds(1)), .seconds(1)], true), ([.seconds(1), nil], true), ([nil, nil], true),
            ([.seconds(46), .seconds(1)], false), ([.seconds(1), .seconds(46)], false), ([nil, .seconds(46)], false),
        ]
    )
    func loops(_ sinceTurns: [Duration?], _ isContent: Bool) {
        #expect(bursar.Daemon.areTurning(sinceTurns.map { ($0, .seconds(45)) }) == isContent)
    }
}
