package import Logging
package import Postgres
package import SocketLoop

/// Listens on a connection of its own for what the database tells at once: new work for idle nodes, and cancel requests.
///
/// What is told while the connection is away is lost, and found by polling; so it is a help and never a promise.
package struct Watch: Sendable {
    /// What was told.
    package enum Sign: Sendable {
        case work
        case cancel(Int64)
    }

    private let configuration: PostgresConfiguration
    private let loop: SocketLoop
    private let logger: Logger

    /// A watch over a direct way to the server, never through a pooler.
    package init(_ configuration: PostgresConfiguration, loop: SocketLoop, logger: Logger) {
        self.configuration = configuration
        self.loop = loop
        self.logger = logger
    }

    /// Passes every sign on until the task is cancelled; a lost connection is made anew.
    package func keepWatch(_ told: @Sendable (Sign) -> Void) async {
        var pause = Duration.milliseconds(250)
        while !Task.isCancelled {
            do {
                try await watchOnce(told) { pause = .milliseconds(250) }
            } catch {
                if Task.isCancelled { return }
                logger.notice("nobody tells this node of new work, it polls", metadata: ["error": "\(error)"])
            }
            // Waiting: nothing tells when the database is back.
            try? await Task.sleep(for: pause * Double.random(in: 0.5...1.5))
            pause = min(pause * 2, .seconds(5))
        }
    }

    private func watchOnce(_ told: @Sendable (Sign) -> Void, _ listening: () -> Void) async throws {
        let connection = try await PostgresConnection.connect(configuration, on: loop)
        do {
            try await connection.listen("bursar_ready")
            try await connection.listen("bursar_cancel")
            listening()
            // What came before it listened.
            told(.work)
            while !Task.isCancelled {
                guard let notification = try await connection.nextNotification(deadline: .now + .seconds(60)) else {
                    _ = try await connection.pipeline([TransactionStatements.signOfLife.bind()])
                    continue
                }
                switch notification.channel {
                case "bursar_cancel": if let run = Int64(notification.payload) { told(.cancel(run)) }
                default: told(.work)
                }
            }
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
    }
}
