import Engine
import Glibc
import JobKit
import Notices
import Postgres

/// A demonstration of notices: a simulated mail server on this machine, what the issued invoices lead to, and what it took.
///
/// In development only. Mail goes to the simulator, the other channels into maildirs; nothing leaves the machine.
struct DemoNotices {
    let mail: MailSimulator
    /// Where the mail lies.
    let spool: String

    /// The simulated mail server's folder and the file of channels that names it.
    ///
    /// - Throws: what cannot be written beside the private server.
    static func setting(_ options: GlobalOptions, port: Int) throws -> String {
        let folder = try folder(options)
        try NewFile.write(
            """
            version: 1
            channels:
              email:
                from: "Demonstration <billing@bursar.example>"
                transports:
                  - smtp: { name: simulated, host: 127.0.0.1, port: \(port), tls: none }
                connections: 8
              telegram:
                transports: [maildir: { folder: \(folder)/telegram }]
              sms:
                transports: [maildir: { folder: \(folder)/sms }]

            """,
            to: "\(folder)/channels.yaml",
            force: true
        )
        return "notices.channels=\(folder)/channels.yaml"
    }

    static func spool(_ options: GlobalOptions) throws -> String { "\(try folder(options))/mail" }

    private static func folder(_ options: GlobalOptions) throws -> String {
        let folder = try options.settings().database.developmentDirectory + "-sim"
        mkdir(folder, 0o700)
        return folder
    }

    /// Plans what is due and sends it.
    /// - Returns: what came of it, in lines.
    func play(_ daemon: Daemon) async throws -> [String] {
        let planned = try await run("dunning", daemon)
        let sent = try await run("notice-delivery", daemon)
        return [
            "dunning: \(planned)",
            "notices: \(sent); \(mail.counts.messages) mails lie in \(spool)",
        ]
    }

    private func run(_ job: String, _ daemon: Daemon) async throws -> String {
        let desk = RunDesk(database: daemon.database, record: RunNotes.record)
        var request = RunRequest(job: job)
        request.reason = "bursar dev run"
        let run = try await desk.enqueue(request, by: "operator:\(OperatorName.current)").run
        daemon.node.wake()
        while true {
            let facts: RunFacts = try await desk.show(run).decoded()
            if facts.hasEnded || facts.state == "needs_approval" {
                return "\(facts.state), \(facts.outcome ?? "nothing to say")"
            }
            // Waiting: the run is another task's, and its end is a row.
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
