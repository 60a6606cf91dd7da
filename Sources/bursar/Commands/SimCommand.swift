import ArgumentParser
import Glibc
import Listener
import Payments
import Schedules
import ServiceLifecycle
import UnixSignals

/// Stand-ins for the world outside, for development and tests.
struct SimCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sim",
        abstract: "Stand-ins for the world outside; refused in production.",
        subcommands: [Bakong.self, SMTP.self]
    )

    /// The Bakong API and a gateway.
    struct Bakong: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "A stand-in for the Bakong API and for a gateway that sends callbacks, on loopback.",
            discussion: """
                It serves until interrupted, keeps everything in memory, and misbehaves as the script says. \
                docs/bakong.md lists what can go wrong and the routes under /sim.
                """
        )
        @OptionGroup var options: GlobalOptions
        @Option(help: ArgumentHelp("The loopback address; port 0 lets the system choose.", valueName: "address"))
        var listen = "127.0.0.1:0"
        @Option(help: ArgumentHelp("Where callbacks go, http://127.0.0.1:PORT/….", valueName: "url"))
        var callbacks: String?
        @Option(help: ArgumentHelp("A file with the secret that signs callbacks, whsec_….", valueName: "file"))
        var secretFile: String?
        @Option(help: ArgumentHelp("A script of misbehaviour, YAML or JSON.", valueName: "file"))
        var script: String?
        @Option(
            help: ArgumentHelp("One thing of the script, as callback_lost=0.05; may be repeated.", valueName: "x=n")
        )
        var fault: [String] = []
        @Option(help: ArgumentHelp("The seed of the dice.", valueName: "n")) var seed: Int?
        @Option(help: ArgumentHelp("The e-mail under which the token is renewed.", valueName: "address"))
        var email = "books@example.com"

        private struct Ready: Encodable {
            let url: String
            let token: String
            let email: String
            let callbacks: String?
            let secret: String
            let seed: Int
        }

        func run() async throws {
            let settings = try options.settings(needsDatabase: false)
            guard settings.environment != .production else {
                throw CommandFailure.refusedInProduction("bursar sim bakong")
            }
            var configuration = BakongSimulator.Configuration(address: try address())
            configuration.script = try readScript()
            configuration.callbacks = callbacks
            configuration.secret = try secretFile.flatMap { file throws(CommandFailure) in try TextFile.secret(file) }
            configuration.email = email
            let (json, seed) = (options.json, configuration.script[.seed])
            // Before anybody is told that it serves: a signal may come at once.
            let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
            try await BakongSimulator.serve(configuration) { simulator in
                let ready = Ready(
                    url: simulator.url,
                    token: simulator.token,
                    email: simulator.bank.email,
                    callbacks: simulator.gateway.target,
                    secret: simulator.gateway.secretText,
                    seed: seed
                )
                Terminal.print(json ? JSON.text(of: ready) : Self.text(ready))
                for await _ in signals { return }
            }
        }

        /// By number: a name could be made to point elsewhere.
        private func address() throws(CommandFailure) -> LoopbackAddress {
            if let address = try? LoopbackAddress(listen), BakongAddress.isLoopback(address.description) {
                return address
            }
            throw CommandFailure(
                .notPermitted,
                "the simulator listens on this machine alone, not on \(listen)",
                remedy: "write it as 127.0.0.1:PORT"
            )
        }

        private func readScript() throws(CommandFailure) -> BakongScript {
            var result = BakongScript()
            if let script, let text = try TextFile.read(script) { result = try BakongScript(text) }
            for wish in fault {
                guard let equals = wish.firstIndex(of: "=") else {
                    throw CommandFailure(.usage, "--fault takes name=number, not '\(wish)'")
                }
                try result.set(String(wish[..<equals]), to: String(wish[wish.index(after: equals)...]))
            }
            if let seed { result[.seed] = seed }
            return result
        }

        private static func text(_ ready: Ready) -> String {
            """
            a simulated Bakong serves at \(ready.url) (seed \(ready.seed)); Ctrl-C ends it
              bakong.url  \(ready.url)
              token       \(ready.token)
              e-mail      \(ready.email)
              callbacks   \(ready.callbacks.map { "to \($0), signed with \(ready.secret)" } ?? "none: pass --callbacks URL")
              pay         curl -d '{"md5":"…","account":"shop@bank","amount":"12.50","currency":"USD"}' \(ready.url)/sim/pay
            """
        }
    }
}
