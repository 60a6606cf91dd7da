internal import JobKit
internal import Synchronization

/// The runs that a node works on right now, and whether it takes more.
final class Crew: Sendable {
    /// Work on one run, until its end is written.
    struct Member: Sendable {
        let run: ClaimedRun
        let signals: RunSignals
        fileprivate var task: Task<Void, Never>?
    }

    private struct State: Sendable {
        var nodeID: String
        var working: [Int64: Member] = [:]
        var draining = false
        /// Nobody waits for the work any more: it is cancelled, also what begins later.
        var isCancelled = false
        var waiting: [CheckedContinuation<Void, Never>] = []

        /// Who waits for the end of all work, where that has come.
        mutating func released() -> [CheckedContinuation<Void, Never>] {
            guard working.isEmpty else { return [] }
            defer { waiting = [] }
            return waiting
        }
    }

    private let slots: Int
    private let state: Mutex<State>

    init(nodeID: String, slots: Int) {
        self.slots = slots
        state = Mutex(State(nodeID: nodeID))
    }

    /// The id that the node's lease is under.
    var nodeID: String {
        get { state.withLock { $0.nodeID } }
        set { state.withLock { $0.nodeID = newValue } }
    }

    var runs: [Int64] { state.withLock { Array($0.working.keys) } }
    var isDraining: Bool { state.withLock { $0.draining } }
    var isDone: Bool { state.withLock { $0.draining && $0.working.isEmpty } }

    /// How many more runs may be claimed now.
    var freeSlots: Int { state.withLock { $0.draining ? 0 : slots - $0.working.count } }

    /// Runs that were claimed are worked on from here on.
    func begin(_ runs: [ClaimedRun]) -> [Member] {
        let members = runs.map { Member(run: $0, signals: RunSignals()) }
        state.withLock { state in
            for member in members {
                state.working[member.run.identity.id] = member
                if state.draining { member.signals.handBack() }
            }
        }
        return members
    }

    /// These tasks do the work; they may have ended already.
    func work(_ members: [Member], in tasks: [Task<Void, Never>]) {
        let late = state.withLock { state in
            for (member, task) in zip(members, tasks)
            where state.working[member.run.identity.id]?.signals === member.signals {
                state.working[member.run.identity.id]?.task = task
            }
            return zip(members, tasks).filter { state.isCancelled || $0.0.signals.isAbandoned }.map(\.1)
        }
        for task in late { task.cancel() }
    }

    /// The runs that were begun with these signals are no longer worked on; other claims of them may be.
    func end(_ ended: some Sequence<(run: ClaimedRun, signals: RunSignals)>) {
        let waiting = state.withLock { state in
            for (run, signals) in ended where state.working[run.identity.id]?.signals === signals {
                state.working[run.identity.id] = nil
            }
            return state.released()
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Returns when nothing is worked on.
    func untilAllEnded() async {
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                if !state.working.isEmpty { state.waiting.append(continuation) }
                return state.working.isEmpty
            }
            if isDone { continuation.resume() }
        }
    }

    func cancel(_ runs: [Int64]) {
        state.withLock { state in
            for run in runs { state.working[run]?.signals.cancel() }
        }
    }

    func drain() {
        state.withLock { state in
            state.draining = true
            for member in state.working.values { member.signals.handBack() }
        }
    }

    /// The service is cancelled, and all work with it.
    func cancelWork() {
        let tasks = state.withLock { state in
            state.isCancelled = true
            return state.working.values.compactMap(\.task)
        }
        for task in tasks { task.cancel() }
    }

    /// Tells all work that its lease is lost, and cancels it.
    /// - Returns: what was under way, for ``leaveBehind(_:)`` after the grace.
    func abandonAll() -> [Member] {
        let members = state.withLock { Array($0.working.values) }
        for member in members {
            member.signals.abandon()
            member.task?.cancel()
        }
        return members
    }

    /// Gives the slots of work that was abandoned, and ignores it, to others: it is left behind with a fence that is worth nothing.
    /// - Returns: the runs that were worked on still.
    func leaveBehind(_ abandoned: [Member]) -> [ClaimedRun] {
        let (left, waiting) = state.withLock { state in
            let left = abandoned.filter { state.working[$0.run.identity.id]?.signals === $0.signals }
            for member in left {
                member.signals.leaveBehind()
                state.working[member.run.identity.id] = nil
            }
            return (left, state.released())
        }
        for continuation in waiting { continuation.resume() }
        return left.map(\.run)
    }
}
