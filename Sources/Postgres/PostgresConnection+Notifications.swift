internal import CLibpq
internal import SocketLoop

/// What a NOTIFY said.
package struct Notification: Sendable, Hashable {
    package let channel: String
    package let payload: String

    package init(channel: String, payload: String) {
        self.channel = channel
        self.payload = payload
    }
}

extension PostgresConnection {
    /// Begins to listen on a channel.
    ///
    /// Needs a direct connection: through pgbouncer nothing would come.
    package func listen(_ channel: String) async throws {
        guard !configuration.pooled else {
            throw PostgresError(.misuse, "LISTEN needs a direct connection string, not one of a pooler")
        }
        guard channel.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }) else {
            throw PostgresError(.misuse, "a channel's name is made of lower case letters, digits and underscores")
        }
        // LISTEN takes no parameters, hence the check above.
        try await executeScript("listen \"\(channel)\"", name: "postgres.listen")
    }

    /// The next notification of this session, as soon as there is one; nil when the deadline passes first.
    ///
    /// Other calls on this connection wait meanwhile: give a listener a connection of its own.
    package func nextNotification(
        deadline: ContinuousClock.Instant? = nil
    ) async throws -> Notification? {
        let work = Work()
        try await enter(work)
        defer { leave() }
        let handle = try openHandle()
        while true {
            if let raw = PQnotifies(handle.raw) {
                defer { PQfreemem(raw) }
                return Notification(
                    channel: String(cString: raw.pointee.relname),
                    payload: String(cString: raw.pointee.extra)
                )
            }
            switch await loop.ready(handle.socket, .read, deadline: deadline) {
            case .timedOut: return nil
            case .cancelled: throw PostgresError(.cancelled, "cancelled while waiting for a notification")
            case .closed: throw drop(PostgresError(.connectionLost, "the connection was closed"))
            case .ready:
                if PQconsumeInput(handle.raw) != 1 {
                    throw drop(PostgresError(.connectionLost, handle.errorMessage))
                }
            }
        }
    }
}
