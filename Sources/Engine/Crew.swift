internal import JobKit
internal import Synchronization

/// The runs that a node works on right now, and whether it takes more.
final class Crew: Sendable {
    private struct State: Sendable {
        var nodeID: String
        var working: [Int64: RunSignals] = [:]
        var draining = false
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

    func begin(_ run: Int64) -> RunSignals {
        let signals = RunSignals()
        state.withLock { state in
            state.working[run] = signals
            if state.draining { signals.handBack() }
        }
        return signals
    }

    /// The run that was begun with these signals is no longer worked on; another claim of it may be.
    func end(_ run: Int64, _ signals: RunSignals) {
        state.withLock { if $0.working[run] === signals { $0.working[run] = nil } }
    }

    func cancel(_ runs: [Int64]) {
        state.withLock { state in
            for run in runs { state.working[run]?.cancel() }
        }
    }

    func drain() {
        state.withLock { state in
            state.draining = true
            for signals in state.working.values { signals.handBack() }
        }
    }

    func abandonAll() {
        state.withLock { state in
            for signals in state.working.values { signals.abandon() }
        }
    }
}
