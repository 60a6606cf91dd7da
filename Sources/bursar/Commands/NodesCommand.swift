import ArgumentParser

/// The daemons that work on this database.
struct NodesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nodes",
        abstract: "The daemons on this database, when none of them was there, and what they wait for.",
        discussion: "Asks the daemon through the operator socket. Exit code 69 when none answers.",
        subcommands: [List.self, Outages.self, Quarantine.self]
    )

    /// Who is there.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Nodes that hold a lease, and those whose lease ended within a day."
        )
        @OptionGroup var options: GlobalOptions

        func run() async throws { try await NodesCommand.ask("nodes.list", options) }
    }

    /// When nobody was.
    struct Outages: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Times in which the work stood still: no node had a lease, a quarantine, a provider that was down."
        )
        @OptionGroup var options: GlobalOptions

        func run() async throws { try await NodesCommand.ask("nodes.outages", options) }
    }

    /// A database that went back in time.
    struct Quarantine: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What nodes remember and the database has lost; nothing is claimed and nothing fires meanwhile.",
            subcommands: [Show.self, Lift.self],
            defaultSubcommand: Show.self
        )

        /// What is missing.
        struct Show: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "The quarantine in force, and those that were lifted."
            )
            @OptionGroup var options: GlobalOptions

            func run() async throws { try await NodesCommand.ask("nodes.quarantine.show", options) }
        }

        /// A person's word that the loss is known.
        struct Lift: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Let the nodes go on: fences and runs get numbers above any that the lost past had.",
                discussion:
                    "Look first what is missing: documents that were sent, payments that were seen, runs that ended."
            )
            @OptionGroup var options: GlobalOptions
            @Option(help: ArgumentHelp("Why, for the record.", valueName: "text")) var reason: String

            func run() async throws {
                let body = Array(JSON.text(of: QuarantineWish(reason: reason)).utf8)
                try await NodesCommand.ask("nodes.quarantine.lift", options, body)
            }
        }
    }

    private static func ask(
        _ command: String,
        _ options: GlobalOptions,
        _ body: [UInt8] = Array("{}".utf8)
    ) async throws {
        let settings = try options.settings(needsDatabase: false)
        Answer.show(try await OperatorClient(settings).perform(command, body), json: options.json)
    }
}
