internal import JobKit
package import Postgres
internal import Schedules

/// The nodes of the database and their leases, on a connection of their own.
package struct NodeStore: Sendable {
    let database: PostgresPool

    package init(database: PostgresPool) { self.database = database }

    ///
    /// A time in which no node had one is put on record as an outage.
    package func register(_ node: NodeDescription, lease: Duration) async throws {
        try await database.withTransaction(.engine) { transaction in
            _ = try await transaction.pipeline([
                Statements.recordAbsence.bind(lease),
                Statements.register.bind(
                    node.id,
                    node.host,
                    Int32(node.pid),
                    node.version,
                    node.jobs,
                    node.slots,
                    lease
                ),
            ])
        }
    }

    /// Writes down what the jobs of this build say of their limits; runs of those that say something new stand before the new
    /// gates from then on, and those under way count.
    package func tellLimits(_ registry: JobRegistry) async throws {
        let jobs = registry.jobs
        try await database.withTransaction(.engine) { transaction in
            let changed = try await transaction.query(
                Statements.tellLimits,
                jobs.map(\.signature.name),
                jobs.map(\.limits.atOnce),
                jobs.map(\.limits.perKey?.most),
                jobs.map(\.limits.perKey?.key.name),
                jobs.map(\.limits.provider)
            )
            guard !changed.isEmpty else { return }
            _ = try await transaction.query(Statements.setGates, try changed.map { try $0.get("job", as: String.self) })
        }
    }

    /// Makes the lease as long again as it was, unless it has ended.
    /// - Returns: false where it has ended: the node must stop its work and register anew.
    package func renew(_ id: String, draining: Bool) async throws -> Bool {
        try await database.withTransaction(.engine) { transaction in
            try await transaction.execute(Statements.renew, id, draining) == 1
        }
    }

    /// What any node does now and then: history's next months, dedupe keys that expired, nodes that ended a day ago.
    package func keepHouse() async throws {
        try await database.withTransaction(.engine) { transaction in
            _ = try await transaction.pipeline([
                Statements.makePartitions.bind(), Statements.forgetKeys.bind(), Statements.forget.bind(),
                Statements.forgetPasses.bind(),
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

        /// The time since the last lease of a node that works ended, where none is in force: longer than the given one.
        static let recordAbsence = Statement(
            "engine.record_absence",
            """
            insert into bursar.outage (kind, subject, during, evidence)
            select 'engine', 'nodes', tstzrange(max(n.lease_until), clock_timestamp()), jsonb_build_object('last_node', max(n.host))
            from bursar.node n
            where n.slots > 0
            having max(n.lease_until) < clock_timestamp() - $1::interval
            on conflict do nothing
            """
        )

        static let tellLimits = Statement(
            "engine.tell_limits",
            """
            with told as (
                select * from unnest($1::text[], $2::integer[], $3::integer[], $4::text[], $5::text[])
                    as t (job, at_once, per_key, key, provider)
            ), lifted as (
                delete from bursar.job_limit l
                using told t
                where l.job = t.job and t.at_once is null and t.per_key is null and t.provider is null
                returning l.job
            ), known as (
                insert into bursar.provider (name) select distinct provider from told where provider is not null
                on conflict do nothing
            ), set as (
                insert into bursar.job_limit as l (job, at_once, per_key, key, provider)
                select * from told where coalesce(at_once, per_key) is not null or provider is not null
                on conflict (job) do update
                set at_once = excluded.at_once, per_key = excluded.per_key, key = excluded.key, provider = excluded.provider
                where (l.at_once, l.per_key, l.key, l.provider)
                    is distinct from (excluded.at_once, excluded.per_key, excluded.key, excluded.provider)
                returning l.job
            )
            select job from lifted union all select job from set
            """
        )

        static let setGates = Statement("engine.set_gates", "select bursar.set_gates($1)")

        /// What a run left behind that ended under limits that it did not begin with.
        static let forgetPasses = Statement(
            "engine.forget_gate_passes",
            "delete from bursar.gate_pass p where not exists (select from bursar.run r where r.id = p.run_id)"
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

        package static let all = [
            recordAbsence, register, tellLimits, setGates, renew, leave, forget, makePartitions, forgetKeys,
            forgetPasses,
        ]
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
