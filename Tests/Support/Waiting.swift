/// What was waited for did not come true in time.
package struct WaitedInVain: Error, CustomStringConvertible {
    package let what: String
    package let limit: Duration

    package init(what: String, limit: Duration) {
        self.what = what
        self.limit = limit
    }

    package var description: String { "waited \(limit) in vain until \(what)" }
}

/// Looks again and again, in short intervals, until a fact of another process holds: a row in the database, a process
/// that ended.
///
/// For facts of this process wait for a signal instead.
package func waitUntil(
    _ what: String,
    within limit: Duration = .seconds(20),
    _ holds: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !holds() {
        guard ContinuousClock.now < deadline else { throw WaitedInVain(what: what, limit: limit) }
        try await Task.sleep(for: .milliseconds(20))
    }
}
