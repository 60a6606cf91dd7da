import Glibc
import Outbound
import TestSupport
import Testing

@testable import bursar

@Suite("Mail to a relay")
struct SMTPClientTests {
    @Test("A message arrives byte for byte, whatever its lines end in and begin with", arguments: [true, false])
    func content(isPipelined: Bool) async throws {
        var script = MailScript()
        if !isPipelined { script.lacks = ["PIPELINING"] }
        try await MailSimulator.with(script) { simulator in
            let text = "one\n.\n..two\r\nthree\rQUIT\r\n\r\n.hidden\nlast without an end"
            let outcome = await MailWorld.send(
                MailWorld.envelope("payer@example.com", text),
                MailWorld.relay(simulator.port)
            )
            #expect(outcome.isAccepted && outcome.phase == .finalDot && outcome.reply?.code == 250, "\(outcome)")
            let lines = ["one", ".", "..two", "three", "QUIT", "", ".hidden", "last without an end", ""]
            let kept = try #require(simulator.kept.first)
            #expect(
                String(decoding: kept.message, as: UTF8.self)
                    == "Subject: invoice\r\nMessage-ID: <1@example.com>\r\n\r\n" + lines.joined(separator: "\r\n")
            )
            #expect(kept.sender == "bounces+t@example.com" && kept.recipient == "payer@example.com")
            #expect(simulator.counts.messages == 1)
        }
    }

    @Test("A hundred random messages arrive as they were written, dots, returns and all")
    func random() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var dice = SplitMixer(state: seed)
        var sent: Set<[UInt8]> = []
        let messages = (0..<100).map { number -> [UInt8] in
            let alphabet: [UInt8] = [0x2E, 0x2E, 0x0D, 0x0A, 0x0A, 0x41, 0xC3, 0x20]
            let count = Int.random(in: 0...400, using: &dice)
            return Array("\(number):".utf8) + (0..<count).map { _ in alphabet.randomElement(using: &dice) ?? 0x41 }
        }
        for message in messages { sent.insert(Self.expected(message)) }
        try await MailSimulator.with { [sent] simulator in
            let client = SMTPClient(relay: MailWorld.relay(simulator.port))
            await withTaskGroup(of: Bool.self) { group in
                for message in messages {
                    group.addTask {
                        let envelope = SMTPEnvelope(
                            sender: "a@example.com",
                            recipient: "b@example.com",
                            message: message
                        )
                        return await client.send(envelope).isAccepted
                    }
                }
                for await isAccepted in group { #expect(isAccepted) }
            }
            client.close()
            #expect(Set(simulator.kept.map(\.message)) == sent, "seed \(seed)")
        }
    }

    /// The other way to say what `SMTPEnvelope.wire` says: byte by byte.
    private static func expected(_ message: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var last: UInt8 = 0
        for byte in message {
            if byte == 0x0D || (byte == 0x0A && last != 0x0D) { result += [0x0D, 0x0A] }
            if byte != 0x0D && byte != 0x0A { result.append(byte) }
            last = byte
        }
        return last == 0x0D || last == 0x0A ? result : result + [0x0D, 0x0A]
    }

    @Test("Eight connections at the most are opened, and are used again and again")
    func pooled() async throws {
        try await MailSimulator.with { simulator in
            let client = SMTPClient(relay: MailWorld.relay(simulator.port))
            for _ in 0..<3 {
                await withTaskGroup(of: Bool.self) { group in
                    for number in 0..<100 {
                        group.addTask { await client.send(MailWorld.envelope("p\(number)@example.com")).isAccepted }
                    }
                    for await isAccepted in group { #expect(isAccepted) }
                }
            }
            #expect(simulator.counts.messages == 300)
            #expect((1...8).contains(simulator.counts.connections), "\(simulator.counts)")
            client.close()
        }
    }

    @Test(
        "A refusal says at which step, and with what codes",
        arguments: [
            (MailScript.Step.connect, "554 5.3.2 go away", SMTPOutcome.Phase.greeting, 554, "5.3.2"),
            (.connect, "421 too many connections", .greeting, 421, nil),
            (.mail, "550 5.1.8 no such sender", .sender, 550, "5.1.8"),
            (.rcpt, "450 4.2.1 later", .recipient, 450, "4.2.1"), (.rcpt, "550 no such user", .recipient, 550, nil),
            (.data, "451 4.3.0 not now", .content, 451, "4.3.0"),
            (.dot, "550 5.7.1 looks like spam", .finalDot, 550, "5.7.1"),
            (.dot, "452 4.3.1 disk full", .finalDot, 452, "4.3.1"),
        ] as [(MailScript.Step, String, SMTPOutcome.Phase, Int, String?)]
    )
    func refusals(
        _ step: MailScript.Step,
        _ said: String,
        _ phase: SMTPOutcome.Phase,
        _ code: Int,
        _ status: String?
    ) async throws {
        for lacks in [[], ["PIPELINING"]] as [Set<String>] {
            let script = try MailWorld.script(step, said, lacks: lacks)
            try await MailSimulator.with(script) { simulator in
                let outcome = await MailWorld.send(MailWorld.relay(simulator.port))
                #expect(outcome.phase == phase && outcome.reply?.code == code, "\(outcome)")
                #expect(outcome.reply?.status?.description == status && !outcome.isUnknown)
                #expect(simulator.counts.messages == 0)
                if case .refused = outcome.ending { return }
                Issue.record("no refusal: \(outcome)")
            }
        }
    }

    @Test(
        "After a refusal the same connection goes on with the next message",
        arguments: [MailScript.Step.mail, .rcpt, .data, .dot]
    )
    func goesOn(_ step: MailScript.Step) async throws {
        for lacks in [[], ["PIPELINING"]] as [Set<String>] {
            let script = try MailWorld.script(step, "451 4.3.0 later", "250", lacks: lacks)
            try await MailSimulator.with(script) { simulator in
                let client = SMTPClient(relay: MailWorld.relay(simulator.port, connections: 1))
                #expect(await client.send(MailWorld.envelope()).reply?.code == 451)
                for _ in 0..<3 { #expect(await client.send(MailWorld.envelope()).isAccepted) }
                client.close()
                #expect(simulator.counts.connections == 1 && simulator.counts.messages == 3, "\(simulator.counts)")
            }
        }
    }

    @Test("Nobody there is told apart, and certainly had no effect")
    func nobody() async throws {
        let port = try await MailSimulator.with { simulator in simulator.port }
        let outcome = await MailWorld.send(MailWorld.relay(port))
        #expect(outcome.phase == .connect && outcome.error?.code == .couldNotConnect && !outcome.isUnknown)
        #expect(outcome.error?.endpoint == "smtp://127.0.0.1:\(port)")
    }

    @Test(
        "A relay that hangs up before the final dot has nothing",
        arguments: [MailScript.Step.connect, .hello, .mail, .rcpt, .data]
    )
    func droppedBefore(_ step: MailScript.Step) async throws {
        try await MailSimulator.with(MailWorld.script(step, "drop")) { simulator in
            let outcome = await MailWorld.send(MailWorld.relay(simulator.port))
            #expect(outcome.error?.code == .interrupted && !outcome.isUnknown, "\(outcome)")
            #expect(outcome.phase < .finalDot && simulator.counts.messages == 0)
        }
    }

    @Test("A message that is cut off in its middle was not sent, however long it is")
    func cutOff() async throws {
        try await MailSimulator.with(MailWorld.script(.body, "drop")) { simulator in
            let long = String(repeating: "a line of a long message\n", count: 500_000)
            let outcome = await MailWorld.send(
                MailWorld.envelope("p@example.com", long),
                MailWorld.relay(simulator.port)
            )
            #expect(
                outcome.phase == .content && outcome.error?.code == .interrupted && !outcome.isUnknown,
                "\(outcome)"
            )
        }
    }

    @Test("Silence after the final dot is an outcome that nobody knows", arguments: ["drop", "drop-kept", "hang"])
    func unknown(_ act: String) async throws {
        try await MailSimulator.with(MailWorld.script(.dot, act)) { simulator in
            let relay = MailWorld.relay(simulator.port, timeout: .seconds(1))
            let outcome = await MailWorld.send(relay)
            #expect(outcome.phase == .finalDot && outcome.isUnknown, "\(outcome)")
            #expect(outcome.error?.code == (act == "hang" ? .timedOut : .interrupted))
            #expect(simulator.counts.messages == (act == "drop-kept" ? 1 : 0))
            #expect(simulator.counts.commands["DATA"] == 1, "it is not tried again here")
        }
    }

    @Test(
        "A relay that says nothing at any step ends in a timeout of that step",
        arguments: [
            (MailScript.Step.connect, SMTPOutcome.Phase.greeting), (.hello, .greeting), (.mail, .sender),
            (.rcpt, .recipient),
            (.data, .content),
        ]
    )
    func hanging(_ step: MailScript.Step, _ phase: SMTPOutcome.Phase) async throws {
        try await MailSimulator.with(MailWorld.script(step, "hang")) { simulator in
            var relay = MailWorld.relay(simulator.port, timeout: .seconds(1))
            if phase == .greeting { relay.connectTimeout = .milliseconds(500) }
            let outcome = await MailWorld.send(relay)
            #expect(outcome.phase == phase && outcome.error?.code == .timedOut && !outcome.isUnknown, "\(outcome)")
        }
    }

    @Test("A relay that thinks long about each message holds up that connection and no other")
    func slow() async throws {
        try await MailSimulator.with(MailWorld.script(.dot, "wait=400ms 250")) { simulator in
            let client = SMTPClient(relay: MailWorld.relay(simulator.port))
            let began = ContinuousClock.now
            await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<8 { group.addTask { await client.send(MailWorld.envelope()).isAccepted } }
                for await isAccepted in group { #expect(isAccepted) }
            }
            #expect(ContinuousClock.now - began < .milliseconds(2400), "eight one after another take 3.2 s")
            #expect(simulator.counts.connections == 8)
            client.close()
        }
    }

    @Test("A kept connection that the relay has closed costs no message, and none arrives twice")
    func closedMeanwhile() async throws {
        // At MAIL of the second message: hangs up once, or says 421.
        for act in ["drop", "421 4.4.2 idle for too long"] {
            try await MailSimulator.with(MailWorld.script(.mail, "250", act, "250")) { simulator in
                let client = SMTPClient(relay: MailWorld.relay(simulator.port, connections: 1))
                for _ in 0..<3 { #expect(await client.send(MailWorld.envelope()).isAccepted) }
                client.close()
                #expect(simulator.counts.messages == 3 && simulator.counts.connections == 2, "\(simulator.counts)")
            }
        }
        // On a new connection it is an outcome like any other.
        try await MailSimulator.with(MailWorld.script(.mail, "drop")) { simulator in
            #expect(await MailWorld.send(MailWorld.relay(simulator.port)).error?.code == .interrupted)
            #expect(simulator.counts.connections == 1)
        }
    }

    @Test("Connections with nothing to do are closed after the idle timeout, and opened again when there is")
    func idle() async throws {
        try await MailSimulator.with { simulator in
            var relay = MailWorld.relay(simulator.port)
            relay.idleTimeout = .milliseconds(50)
            let client = SMTPClient(relay: relay)
            #expect(await client.send(MailWorld.envelope()).isAccepted)
            try await waitUntil("it says goodbye") { simulator.counts.commands["QUIT"] == 1 }
            #expect(await client.send(MailWorld.envelope()).isAccepted)
            #expect(simulator.counts.connections == 2)
            client.close()
        }
    }

    @Test("Cancelling takes back what was not sent, and says of the rest that nobody knows")
    func cancellation() async throws {
        try await MailSimulator.with(MailWorld.script(.dot, "hang")) { simulator in
            let client = SMTPClient(relay: MailWorld.relay(simulator.port, connections: 1, timeout: .seconds(60)))
            let first = Task { await client.send(MailWorld.envelope("first@example.com")) }
            try await waitUntil("the first is on its way") { simulator.counts.commands["DATA"] == 1 }
            let second = Task { await client.send(MailWorld.envelope("second@example.com")) }
            second.cancel()
            let taken = await second.value
            #expect(taken.error?.code == .cancelled && !taken.isUnknown)
            first.cancel()
            let gone = await first.value
            #expect(gone.error?.code == .cancelled && gone.isUnknown && gone.phase == .finalDot)
            client.close()
        }
    }

    @Test("Closing the client ends what is under way, and takes nothing more")
    func closing() async throws {
        try await MailSimulator.with(MailWorld.script(.connect, "hang")) { simulator in
            let client = SMTPClient(relay: MailWorld.relay(simulator.port, connections: 1))
            let sends = (0..<3).map { _ in Task { await client.send(MailWorld.envelope()) } }
            try await waitUntil("one connects") { simulator.counts.connections == 1 }
            client.close()
            for send in sends { #expect(await send.value.error?.code == .closed) }
            #expect(await client.send(MailWorld.envelope()).error?.code == .closed)
        }
    }
}

/// SplitMix64.
private struct SplitMixer: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
