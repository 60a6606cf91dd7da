package import Postgres

/// The nodes of the database and their leases, on a connection of their own.
package struct NodeStore: Sendable {
    private let database: PostgresPool

    package init(database: PostgresPool) { self.database = database }

    package func register(_ node: NodeDescription, lease: Duration) async throws {
        try await database.withTransaction(.engine) { transaction in
            _ = try await transaction.execute(
                Statements.register,
                node.id,
                node.host,
                Int32(node.pid),
                node.version,
                node.jobs,
                node.slots,
                lease
            )
        }
    }

    /// Makes the lease as long again as it was, unless it has ended.
    /// - Returns: false where it has ended: the node must stop its work and register anew.
    package func renew(_ id: String, draining: Bool) async throws -> Bool {
        try await database.withTransaction(.engine) { transaction in
            try await transaction.execute(Statements.renew, id, draining) == 1
        }
    }

    /// What any node does now and then: history's next months, dedupe keys that expired, nodes that ended a day ago, lines of
    /// attempts that are three months old.
    package func keepHouse() async throws {
        try await database.withTransaction(.engine) { transaction in
            _ = try await transaction.pipeline([
                Statements.makePartitions.bind(), Statements.forgetKeys.bind(), Statements.forget.bind(),
                AttemptLineStore.Statements.forget.bind(),
            ])
        }
    }

    /// Ends the lease now, so that nobody need wait for it.
    package func leave(_ id: String) async throws {
        try await database.withTransaction(.engine) { transaction in
            _ = try await transaction.execute(Statements.leave, id)
        }
    }

    package enum Statements {
        static let register = Statement(
            "engine.register_node",
            """
            insert into bursar.node (id, host, pid, version, jobs, slots, lease, lease_until)
            values ($1, $2, $3, $4, $5, $6, $7::interval, clock_timestamp() + $7::interval)
            """
        )

        static let renew = Statement(
            "engine.renew_lease",
            """
            update bursar.node set lease_until = clock_timestamp() + lease, draining = $2
            where id = $1 and lease_until > clock_timestamp()
            """
        )

        static let leave = Statement(
            "engine.leave",
            """
            update bursar.node set lease_until = clock_timestamp(), draining = true where id = $1
            """
        )

        static let forget = Statement(
            "engine.forget_nodes",
            """
            delete from bursar.node n
            where n.lease_until < clock_timestamp() - interval '1 day'
                and not exists (select from bursar.run r where r.state = 'running' and r.node_id = n.id)
            """
        )

        static let makePartitions = Statement(
            "engine.make_history_partitions",
            "select bursar.make_history_partitions()"
        )

        static let forgetKeys = Statement(
            "engine.forget_dedupe_keys",
            "delete from bursar.dedupe where expires_at <= clock_timestamp()"
        )

        package static let all = [register, renew, leave, forget, makePartitions, forgetKeys]
    }
}

/// What a node says of itself.
package struct NodeDescription: Sendable {
    /// Random per process start, and new after a lease was lost.
    package let id: String
    package let host: String
    package let pid: Int
    package let version: String
    package let jobs: [String]
    package let slots: Int

    package init(id: String, host: String, pid: Int, version: String, jobs: [String], slots: Int) {
        self.id = id
        self.host = host
        self.pid = pid
        self.version = version
        self.jobs = jobs
        self.slots = slots
    }

    /// The same process under another id.
    func renamed(_ id: String) -> NodeDescription {
        NodeDescription(id: id, host: host, pid: pid, version: version, jobs: jobs, slots: slots)
    }
}
