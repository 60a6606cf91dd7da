internal import JobKit
internal import Logging
internal import Postgres

/// The claim loop of a node: it takes as many runs as it has slots free, and works each in a task of its own.
extension Node {
    /// Polls: the fallback where nobody rings, and the way by which runs whose time has come are found.
    func ringRegularly() async {
        while !Task.isCancelled {
            // Waiting: polling goes by the clock.
            try? await Task.sleep(for: configuration.poll)
            doorbell.ring()
        }
    }

    /// Looks for cancel requests that nobody told of, apart from the claim loop, which must come round without it.
    func heedCancelsRegularly() async {
        while !Task.isCancelled {
            // Waiting: polling goes by the clock. Whoever cancels a run is heard within a second, so half of that.
            try? await Task.sleep(for: configuration.poll / 2)
            await heedCancels()
        }
    }

    /// Rings for every sign of new work, and passes cancel requests on.
    func heed(_ watch: Watch) async {
        await watch.keepWatch { sign in
            switch sign {
            case .work: self.doorbell.ring()
            case .cancel(let run): self.crew.cancel([run])
            }
        }
    }

    private func heedCancels() async {
        let working = crew.runs
        guard !working.isEmpty else { return }
        do {
            crew.cancel(try await runs.cancelled(among: working))
            // Where all slots are taken the claim loop has nothing to ask.
            if crew.freeSlots == 0 { pulse.answer() }
        } catch {
            logger.notice("could not look for cancel requests", metadata: ["error": "\(error)"])
        }
    }

    func claimAndWork() async {
        var claims = ClaimState(poll: configuration.poll)
        pulse.begin()
        await withTaskCancellationHandler {
            for await _ in doorbell.answers {
                if crew.isDone { break }
                claims.gates.begin()
                do {
                    guard crew.freeSlots > 0 else {
                        pulse.turn()
                        continue
                    }
                    while try await lookForWork(&claims) {}
                    pulse.beat()
                } catch {
                    if await standStill(for: error) {
                        pulse.beat()
                    } else {
                        pulse.missed("\(error)")
                        logger.warning("could not look for work", metadata: ["error": "\(error)"])
                    }
                }
            }
            await crew.untilAllEnded()
        } onCancel: {
            crew.cancelWork()
        }
    }

    /// Looks once.
    /// - Returns: whether there is reason to look again at once.
    private func lookForWork(_ claims: inout ClaimState) async throws -> Bool {
        let free = crew.freeSlots
        guard free > 0 else { return false }
        let began = ContinuousClock.now
        var wish = claims.wish(node: crew.nodeID, jobs: registry.names, limit: free, now: began)
        wish.marks = marks.current
        let claim = try await runs.claim(wish)
        marks.claimed(claim.runs)
        noQuarantine()
        claims.got(claim, wish, began: began, ended: .now)
        begin(claim.runs)
        // A node that says it is idle looks once more: what came in between was not told to it.
        let missedSome = claim.runs.count < free && wish.floor > .min
        let looksOn = claim.runs.count < free && claims.gates.looksOn
        return claim.saysIdle == true || missedSome || looksOn
    }

    /// Each run has a task of its own, and no task group waits for it: work that ignores its end must be left behind.
    private func begin(_ runs: [ClaimedRun]) {
        guard !runs.isEmpty else { return }
        let members = crew.begin(runs)
        let tasks = members.map { member in
            Task {
                // Where its end comes together with others' that is told to all of them.
                guard await self.runner.begin(member.run, signals: member.signals) else { return }
                if let missed = member.signals.missesOfPast { await self.standStill(because: missed) }
                self.farewell.ended([(member.run, member.signals)])
            }
        }
        crew.work(members, in: tasks)
    }

    /// Gives the slots of abandoned work to others, should it ignore its end for the grace.
    func leaveBehind(_ abandoned: [Crew.Member]) {
        guard !abandoned.isEmpty else { return }
        Task {
            // Waiting: the time that work has to end when it is asked to.
            try? await Task.sleep(for: Lookout.grace)
            for run in crew.leaveBehind(abandoned) { runner.lost(run) }
            doorbell.ring()
        }
    }
}

/// What happens when runs are no longer worked on: their slots are free, and what waited for them may begin.
struct Farewell: Sendable {
    let crew: Crew
    let doorbell: Doorbell
    let timekeeper: Timekeeper

    func ended(_ runs: [(run: ClaimedRun, signals: RunSignals)]) {
        crew.end(runs)
        doorbell.ring()
        // The next of its schedule, or of another one that is after it, may start.
        if runs.contains(where: { $0.run.identity.schedule != nil }) { timekeeper.wake() }
    }
}

/// What a claim loop remembers from one look to the next.
struct ClaimState {
    /// The longest time in which runs whose time has come are not made ready.
    private let promoteEvery: Duration
    private var floor = ClaimFloor()
    var gates = GateRound()
    private var promotedAt: ContinuousClock.Instant?
    /// What was said of being idle, and under which lease.
    private var saidIdle = false
    private var saidBy = ""

    init(poll: Duration) {
        promoteEvery = min(poll / 10, .milliseconds(100))
    }

    mutating func wish(node: String, jobs: [String], limit: Int, now: ContinuousClock.Instant) -> ClaimWish {
        if saidBy != node { (saidBy, saidIdle) = (node, false) }
        var wish = ClaimWish(node: node, jobs: jobs, limit: limit)
        wish.floor = floor.floor(now: now)
        wish.promotes = promotedAt.map { now - $0 >= promoteEvery } ?? true
        wish.gate = gates.next
        wish.gatesLookedAt = gates.most
        wish.saidIdle = saidIdle
        return wish
    }

    mutating func got(
        _ claim: Claim,
        _ wish: ClaimWish,
        began: ContinuousClock.Instant,
        ended: ContinuousClock.Instant
    ) {
        if wish.promotes { promotedAt = began }
        if let saysIdle = claim.saysIdle { saidIdle = saysIdle }
        gates.looked(next: claim.gate)
        floor.looked(
            from: wish.floor,
            latestTurn: claim.latestTurn,
            isSaturated: claim.runs.count == wish.limit,
            began: began,
            ended: ended
        )
    }
}
