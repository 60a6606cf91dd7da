import ArgumentParser
import Schedules
import UnixSignals

extension SimCommand {
    /// A mail relay.
    struct SMTP: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "smtp",
            abstract: "A stand-in for a mail relay, on loopback.",
            discussion: """
                It serves until interrupted, keeps what it takes in a maildir, and refuses, hangs up or lies as the \
                script says; then it prints what it has seen. docs/mail.md shows a script.
                """
        )
        @OptionGroup var options: GlobalOptions
        @Option(help: ArgumentHelp("The port of 127.0.0.1; 0 lets the system choose.", valueName: "port"))
        var port = 0
        @Option(
            help: ArgumentHelp("The folder that messages are kept in, a maildir; without: nowhere.", valueName: "dir")
        )
        var spool: String?
        @Option(help: ArgumentHelp("A script of misbehaviour, YAML or JSON.", valueName: "file"))
        var script: String?
        @Option(
            help: ArgumentHelp(
                "What a recipient gets at RCPT, as limp@example.com=451,451,250; may be repeated.",
                valueName: "address=replies"
            )
        )
        var reply: [String] = []
        @Option(
            help: ArgumentHelp(
                "The same after the final dot, as liar@example.com=drop,250; may be repeated.",
                valueName: "address=replies"
            )
        )
        var afterDot: [String] = []
        @Option(help: ArgumentHelp("A certificate, PEM: STARTTLS is offered.", valueName: "file")) var certificate:
            String?
        @Option(help: ArgumentHelp("The certificate's key, PEM.", valueName: "file")) var key: String?
        @Flag(help: "TLS from the first byte in place of STARTTLS.") var tls = false
        @Option(help: ArgumentHelp("Only this user may send.", valueName: "name")) var user: String?
        @Option(help: ArgumentHelp("A file with the user's password.", valueName: "file")) var passwordFile: String?

        private struct Ready: Encodable {
            let host: String
            let port: Int
            let spool: String?
            let security: String
        }

        func run() async throws {
            let settings = try options.settings(needsDatabase: false)
            guard settings.environment != .production else {
                throw CommandFailure.refusedInProduction("bursar sim smtp")
            }
            let (setup, json) = (try readSetup(), options.json)
            let security = setup.certificate == nil ? "none" : tls ? "tls" : "starttls"
            // Before anybody is told that it serves: a signal may come at once.
            let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
            let spool = spool
            try await MailSimulator.serve(setup) { simulator in
                let ready = Ready(host: "127.0.0.1", port: simulator.port, spool: spool, security: security)
                Terminal.print(json ? JSON.text(of: ready) : Self.text(ready))
                for await _ in signals { break }
                let counts = simulator.counts
                Terminal.print(json ? JSON.text(of: counts) : Self.text(counts))
            }
        }

        private func readSetup() throws(CommandFailure) -> MailSimulator.Setup {
            var setup = MailSimulator.Setup()
            guard (0...65535).contains(port) else { throw CommandFailure(.usage, "\(port) is no port") }
            setup.port = port
            setup.place = spool.map { .folder($0) } ?? .nowhere
            if let script, let text = try TextFile.read(script) { setup.script = try MailScript(text) }
            for wish in reply { try setup.script.add(.rcpt, wish) }
            for wish in afterDot { try setup.script.add(.dot, wish) }
            guard (certificate == nil) == (key == nil), !tls || certificate != nil else {
                throw CommandFailure(.usage, "TLS takes --certificate and --key")
            }
            if let certificate, let key { setup.certificate = try .init(certificate: certificate, key: key) }
            setup.isSecureFromStart = tls
            guard (user == nil) == (passwordFile == nil) else {
                throw CommandFailure(.usage, "a login takes --user and --password-file")
            }
            if let user, let passwordFile, let password = try TextFile.secret(passwordFile) {
                setup.login = (user, password)
            }
            return setup
        }

        private static func text(_ ready: Ready) -> String {
            """
            a simulated mail relay serves at \(ready.host):\(ready.port) (TLS: \(ready.security)); Ctrl-C ends it
              messages    \(ready.spool.map { "in \($0)/new" } ?? "taken and thrown away: pass --spool DIR")
            """
        }

        private static func text(_ counts: MailPlay.Counts) -> String {
            "\(counts.messages) messages over \(counts.connections) connections; \(counts.refusals) refusals, "
                + "\(counts.lost) lost"
        }
    }
}
