internal import Logging
internal import Metrics
internal import Postgres

/// The lease of a node: one for all that it does, renewed on a connection and a thread of its own.
extension Node {
    func keepLease() async {
        leasePulse.begin()
        while !Task.isCancelled {
            guard let lease = await register() else { continue }
            await renewUntilLost(lease)
        }
    }

    /// Ends the lease at once, also where the task was cancelled: peers need not wait for it.
    func leave() async {
        let id = crew.nodeID
        do {
            try await Task { try await nodes.leave(id) }.value
            logger.info("node has left", metadata: ["node": "\(id)"])
        } catch {
            logger.notice("the lease is left to its end", metadata: ["node": "\(id)", "error": "\(error)"])
        }
    }

    /// A new id for every lease: nothing that an old one began can be taken for the new one's.
    func register() async -> LeaseClock? {
        let id = Self.freshID()
        let began = ContinuousClock.now
        do {
            try await nodes.register(description.renamed(id), lease: configuration.lease)
            try await nodes.tellLimits(registry)
            if let standing = files.standing { try await nodes.tellFiles(standing, of: id) }
            crew.nodeID = id
            leasePulse.beat()
            doorbell.ring()
            logger.info("node has a lease", metadata: ["node": "\(id)", "lease": "\(configuration.lease)"])
            return LeaseClock(length: configuration.lease, grantedAt: began)
        } catch {
            leasePulse.missed("\(error)")
            logger.warning("no lease yet", metadata: ["error": "\(error)"])
            // Waiting: the database is away, and nothing tells when it is back.
            await leaseDatabase.pause(until: .now + min(.seconds(1), configuration.lease / 4))
            return nil
        }
    }

    func renewUntilLost(_ lease: LeaseClock) async {
        let belief = LeaseBelief(lease)
        await withDiscardingTaskGroup { group in
            group.addTask { await self.abandonInTime(belief) }
            await self.renewWhileHeld(belief)
            group.cancelAll()
        }
    }

    /// Gives the work up before the lease ends, whatever the renewal is waiting for: a call may hang longer than that.
    func abandonInTime(_ belief: LeaseBelief) async {
        while !Task.isCancelled {
            let moment = belief.clock.abandonAt
            guard ContinuousClock.now < moment else {
                return abandon(belief, "the lease could not be renewed in time, its work is abandoned")
            }
            // Waiting: a lease ends by the clock.
            await leaseDatabase.pause(until: moment)
        }
    }

    /// Ends everything that runs under this lease, once; nothing is claimed until there is another one.
    func abandon(_ belief: LeaseBelief, _ why: Logger.Message) {
        guard belief.giveUp() else { return }
        logger.error(why)
        crew.nodeID = Self.freshID()
        leaveBehind(crew.abandonAll())
    }

    func renewWhileHeld(_ belief: LeaseBelief) async {
        let id = crew.nodeID
        var failed = false
        var houseKept: ContinuousClock.Instant?
        var strays: Set<Stray> = []
        while !Task.isCancelled, !belief.isGivenUp {
            let clock = belief.clock
            switch clock.next(now: .now, lastAttemptFailed: failed) {
            case .abandon: return abandon(belief, "the lease could not be renewed in time, its work is abandoned")
            case .renew(let moment):
                // Waiting: a lease is renewed by the clock.
                await leaseDatabase.pause(until: moment)
                if Task.isCancelled { return }
            }
            let began = ContinuousClock.now
            guard began < clock.abandonAt else { continue }
            do {
                guard try await nodes.renew(id, draining: crew.isDraining) else {
                    return abandon(belief, "the lease had ended in the database, its work is abandoned")
                }
                belief.renewed(callBegan: began)
                failed = false
                leasePulse.beat()
                // Whatever is under way was begun in a past that is gone: a person looks first.
                if quarantine != nil { continue }
                if houseKept.map({ .now - $0 > .seconds(3600) }) ?? true {
                    try await nodes.keepHouse()
                    houseKept = .now
                }
                try await rescue()
                strays = try await takeStraysBack(id, seenBefore: strays)
            } catch {
                failed = true
                leasePulse.missed("\(error)")
                logger.warning("the lease was not renewed", metadata: ["error": "\(error)"])
            }
        }
    }

    private func rescue() async throws {
        let rescued = try await runs.rescue()
        guard !rescued.isEmpty else { return }
        Counter(label: "bursar_leases_expired_total").increment(by: rescued.count)
        logger.notice("took runs back from nodes that lost their lease", metadata: ["runs": "\(rescued)"])
        doorbell.ring()
    }

    /// Runs that are under this lease at two renewals in a row though nobody here works on them are given to others.
    /// - Returns: those seen now.
    private func takeStraysBack(_ id: String, seenBefore: Set<Stray>) async throws -> Set<Stray> {
        let strays = try await runs.strays(of: id, workingOn: crew.runs)
        let lasting = strays.intersection(seenBefore)
        guard !lasting.isEmpty else { return strays }
        let taken = try await runs.takeBack(lasting)
        logger.warning("gave back runs that this node did not know of", metadata: ["runs": "\(taken)"])
        doorbell.ring()
        return strays
    }
}
