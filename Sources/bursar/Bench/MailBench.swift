import Outbound

/// How many messages a second go to a relay that takes them at once.
struct MailBench: Sendable {
    var messages = 20_000
    var runs = 3

    /// Wanted of a release build on two cores, relay included: sending must not be what a large run of notices waits for.
    static let aim = 1_000.0

    func measure() async throws -> BenchFigure {
        var speeds: [Double] = []
        for _ in 0..<max(1, runs) { speeds.append(try await measureOnce()) }
        return BenchFigure("mail, 8 connections", speeds, "messages/s", limits: [Self.aim], .atLeast(1))
    }

    private func measureOnce() async throws -> Double {
        var setup = MailSimulator.Setup()
        setup.place = .nowhere
        let messages = messages
        return try await MailSimulator.serve(setup) { simulator in
            let client = SMTPClient(relay: SMTPRelay(host: "127.0.0.1", port: simulator.port, security: .none))
            defer { client.close() }
            let body = Array(
                String(repeating: "A line as long as the lines of a notice usually are.\r\n", count: 80).utf8
            )
            let began = ContinuousClock.now
            let refused = await withTaskGroup(of: Int.self) { group in
                for lane in 0..<8 {
                    group.addTask {
                        var refused = 0
                        for number in stride(from: lane, to: messages, by: 8) {
                            let envelope = SMTPEnvelope(
                                sender: "bounces+\(number)@bursar.example",
                                recipient: "payer\(number)@bursar.example",
                                message: Array("Message-ID: <\(number)@bursar.example>\r\n\r\n".utf8) + body
                            )
                            if case .accepted = await client.send(envelope).ending { continue }
                            refused += 1
                        }
                        return refused
                    }
                }
                return await group.reduce(0, +)
            }
            let took = (ContinuousClock.now - began) / .seconds(1)
            guard refused == 0, simulator.counts.messages == messages else {
                throw CommandFailure(.internal, "\(refused) of \(messages) messages were refused")
            }
            return Double(messages) / took
        }
    }
}
