import Dunning
import Engine
import FoundationEssentials
import Glibc
import JobKit
import Logging
import NoticeDelivery
import Notices
import Postgres
import SocketLoop

/// Planning and delivery as the daemon works them: the same node, pools, roles, walls and fences.
struct OwnNotices: Sendable {
    let cluster: BenchCluster
    let chunk: Int

    /// Plans everything that is due in one run, from the claim to the end of the attempt.
    func plan(expecting count: Int) async throws -> Duration {
        let plans = [DunningPlan(NoticeRows.policy)]
        return try await work(AnyJob(Dunning { plans }), "dunning", chunk, counter: "planned", expecting: count)
    }

    /// Sends everything that is planned in one run to a mail server in this process, by eight connections, with the shipped
    /// templates and a journal.
    func send(expecting count: Int) async throws -> Duration {
        var setup = MailSimulator.Setup()
        setup.place = .nowhere
        let folder = "\(cluster.settings.database.developmentDirectory)/notices"
        return try await MailSimulator.serve(setup) { simulator in
            let relay = RelayPlan(name: "bench", host: "127.0.0.1", port: simulator.port, security: .none)
            var channel = ChannelBook.Channel(transports: [.smtp(relay)])
            channel.connections = 8
            channel.mail = ChannelBook.MailIdentity(
                sender: Mailbox(name: "Bench", address: "billing@bursar.example")
            )
            let desk = ChannelDesk(ChannelBook([.email: channel]), .shipped(key: nil, endpoints: nil))
            let book = TemplateBook.loadUsable(folder: nil).book
            let house = DeliveryHouse(
                desk: desk,
                rules: { _ in DeliveryRules() },
                render: { message, facts in
                    try book.render(
                        category: message.template,
                        channel: message.channel,
                        tenant: message.first.tenantRef,
                        locale: message.first.locale,
                        facts: facts
                    )
                },
                journal: try SendJournal(folder: folder)
            )
            defer { unlink("\(folder)/sent.journal") }
            let job = NoticeDelivery({ house }, inspection: NoticeInspection())
            let took = try await work(AnyJob(job), "notice-delivery", 500, counter: "accepted", expecting: count)
            guard simulator.counts.messages == count else {
                throw BenchFailure("the mail server took \(simulator.counts.messages) messages instead of \(count)")
            }
            return took
        }
    }

    private func work(
        _ job: AnyJob,
        _ name: String,
        _ chunk: Int,
        counter: String,
        expecting count: Int
    ) async throws -> Duration {
        let settings = cluster.settings
        var configuration = settings.database.configuration(for: "node")
        configuration.idleInTransactionTimeout = settings.nodeLease / 3
        configuration.checkoutAssertions = BenchStatements.assertions
        let loop = try SocketLoop(name: "database")
        let leaseLoop = try SocketLoop(name: "lease")
        defer {
            loop.stop()
            leaseLoop.stop()
        }
        let database = PostgresPool(configuration, size: settings.nodeConnections, loop: loop)
        let leaseDatabase = PostgresPool(configuration, size: 1, loop: leaseLoop)
        let node = Node(
            settings.nodeConfiguration,
            registry: JobRegistry([job]),
            database: database,
            leaseDatabase: leaseDatabase,
            logger: Logger(label: "bursar")
        )
        var request = RunRequest(job: name)
        request.parameters = JSONText(#"{"chunk": \#(chunk)}"#)
        request.reason = "bursar bench"
        let began = ContinuousClock.now
        let run = try await node.workOnly(request, by: "operator:\(OperatorName.current)")
        let took = ContinuousClock.now - began
        let text = try await RunDesk(database: database).show(run).text
        await database.close()
        await leaseDatabase.close()
        let facts = try JSONDecoder().decode(RunFacts.self, from: Data(text.utf8))
        let done = facts.checkpoint.counters?[counter] ?? 0
        guard facts.state == "succeeded", done == count else {
            throw BenchFailure(
                "the run ended \(facts.state) with \(done) \(counter) instead of \(count): \(facts.outcome ?? "")"
            )
        }
        return took
    }
}
