import Outbound
import Testing

@testable import bursar

@Suite("TLS and authentication with a relay")
struct SMTPEncryptionTests {
    /// Serves with a certificate for 127.0.0.1, or another name.
    private func with(
        _ security: SMTPRelay.Security,
        name: String = "IP:127.0.0.1",
        login: (String, String)? = nil,
        script: MailScript = MailScript(),
        _ body: @escaping @Sendable (MailSimulator, SMTPRelay) async throws -> Void
    ) async throws {
        let certificate = try await TestCertificate.made(for: name)
        defer { certificate.remove() }
        var setup = MailSimulator.Setup()
        setup.script = script
        setup.certificate = security == .none ? nil : try certificate.certificate
        setup.isSecureFromStart = security == .tls
        setup.login = login.map { ($0.0, $0.1) }
        try await MailSimulator.serve(setup) { simulator in
            var relay = MailWorld.relay(simulator.port, security)
            relay.authorities = certificate.path
            try await body(simulator, relay)
        }
    }

    @Test("A message goes over TLS, agreed on or from the first byte", arguments: [SMTPRelay.Security.starttls, .tls])
    func encrypted(_ security: SMTPRelay.Security) async throws {
        try await with(security) { simulator, relay in
            let client = SMTPClient(relay: relay)
            for _ in 0..<20 { #expect(await client.send(MailWorld.envelope()).isAccepted) }
            client.close()
            #expect(simulator.counts.messages == 20 && simulator.counts.connections == 1)
            #expect(simulator.counts.commands["STARTTLS"] == (security == .starttls ? 1 : nil))
        }
    }

    @Test(
        "A certificate of nobody known, or of another host, is refused",
        arguments: [SMTPRelay.Security.starttls, .tls]
    )
    func wrongCertificate(_ security: SMTPRelay.Security) async throws {
        try await with(security) { simulator, relay in
            var trusting = relay
            trusting.authorities = nil
            let outcome = await MailWorld.send(trusting)
            #expect(outcome.phase == .tls && outcome.error?.code == .insecure, "\(outcome)")
            #expect(outcome.error?.message.contains("certificate") == true && simulator.counts.messages == 0)
        }
        try await with(security, name: "DNS:other.example") { simulator, relay in
            let outcome = await MailWorld.send(relay)
            #expect(outcome.phase == .tls && outcome.error?.code == .insecure, "\(outcome)")
            #expect(simulator.counts.commands["MAIL"] == nil)
        }
    }

    @Test("A relay that does not offer or refuses STARTTLS gets nothing", arguments: [true, false])
    func noTLS(isOffered: Bool) async throws {
        let script = try MailWorld.script(.starttls, "454 4.7.0 not now", lacks: isOffered ? [] : ["STARTTLS"])
        try await with(.starttls, script: script) { simulator, relay in
            let outcome = await MailWorld.send(relay)
            #expect(outcome.phase == .tls && !outcome.isAccepted && !outcome.isUnknown, "\(outcome)")
            #expect(outcome.reply?.code == (isOffered ? 454 : nil))
            #expect(simulator.counts.commands["MAIL"] == nil)
        }
    }

    @Test(
        "We authenticate before the first message, once a connection",
        arguments: [SMTPRelay.Security.none, .starttls, .tls]
    )
    func authenticated(_ security: SMTPRelay.Security) async throws {
        try await with(security, login: ("bursar@example.com", "pass word=§")) { simulator, relay in
            var relay = relay
            relay.credentials = .init(user: "bursar@example.com", password: "pass word=§")
            let client = SMTPClient(relay: relay)
            for _ in 0..<3 { #expect(await client.send(MailWorld.envelope()).isAccepted) }
            client.close()
            #expect(simulator.counts.commands["AUTH"] == 1 && simulator.counts.messages == 3)
        }
    }

    @Test("A wrong password, or a relay that knows no passwords, ends at authentication")
    func notAuthenticated() async throws {
        try await with(.starttls, login: ("bursar", "right")) { simulator, relay in
            var relay = relay
            relay.credentials = .init(user: "bursar", password: "wrong")
            let outcome = await MailWorld.send(relay)
            #expect(outcome.phase == .auth && outcome.reply?.code == 535, "\(outcome)")
            #expect(!"\(outcome)".contains("wrong") || outcome.reply?.text == "wrong name or password")
            relay.credentials = nil
            let unknown = await MailWorld.send(relay)
            #expect(unknown.phase == .sender && unknown.reply?.code == 530, "\(unknown)")
            #expect(simulator.counts.messages == 0)
        }
        try await with(.starttls) { simulator, relay in
            var relay = relay
            relay.credentials = .init(user: "bursar", password: "right")
            let outcome = await MailWorld.send(relay)
            #expect(outcome.phase == .auth && outcome.error?.message.contains("offers no authentication") == true)
            #expect(simulator.counts.commands["MAIL"] == nil)
        }
    }

    @Test("A password is in no description of a relay")
    func hidden() {
        var relay = MailWorld.relay(25)
        relay.credentials = .init(user: "bursar", password: "geheim")
        #expect(!"\(relay)".contains("geheim") && !String(reflecting: relay).contains("geheim"))
    }
}
