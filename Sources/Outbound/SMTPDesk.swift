import Synchronization

/// Who waits for a connection, and which connections have nothing to do.
final class SMTPDesk: Sendable {
    /// A message and who waits for its outcome.
    struct Letter {
        let id: UInt64
        let envelope: SMTPEnvelope
        let waiter: CheckedContinuation<SMTPOutcome, Never>
    }

    /// What a lane does next.
    enum Turn {
        case deliver(Letter)
        /// Nothing to do: wait to be woken.
        case wait
        case end
    }

    private struct State {
        var waiting: [Letter] = []
        /// How many of `waiting` are taken: removing each from an array's front would cost as much as all behind it.
        var taken = 0
        /// The one that was busy last is at the end, and is asked first, so that the others may end.
        var idle: [SMTPLane] = []
        var working: [UInt64: SMTPLane] = [:]
        var cancelled: Set<UInt64> = []
        var lanes = 0
        var nextID: UInt64 = 0
        var isClosed = false

        var isEmpty: Bool { taken == waiting.count }

        mutating func takeFirst() -> Letter? {
            guard taken < waiting.count else { return nil }
            let letter = waiting[taken]
            taken += 1
            if taken >= 64, taken * 2 >= waiting.count {
                waiting.removeFirst(taken)
                taken = 0
            }
            return letter
        }

        mutating func remove(_ id: UInt64) -> Letter? {
            guard let place = waiting[taken...].firstIndex(where: { $0.id == id }) else { return nil }
            return waiting.remove(at: place)
        }
    }

    private let relay: SMTPRelay
    private let state = Mutex(State())

    init(relay: SMTPRelay) { self.relay = relay }

    /// Hands a message to the lanes and waits for its outcome.
    func deliver(_ envelope: SMTPEnvelope) async -> SMTPOutcome {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                if let refused = enqueue(Letter(id: id, envelope: envelope, waiter: waiter)) {
                    waiter.resume(returning: refused)
                }
            }
        } onCancel: {
            cancel(id)
        }
    }

    /// Why it is not taken, if it is not.
    private func enqueue(_ letter: Letter) -> SMTPOutcome? {
        let needsLane: Bool? = state.withLock { state in
            // Cancelled before it began: the handler ran first, and found nothing.
            if state.isClosed || Task.isCancelled { return nil }
            state.waiting.append(letter)
            if let lane = state.idle.popLast() {
                lane.wake()
                return false
            }
            guard state.lanes < relay.connections else { return false }
            state.lanes += 1
            return true
        }
        guard let needsLane else { return ended(Task.isCancelled ? .cancelled : .closed) }
        guard needsLane, !SMTPLane.start(relay, self) else { return nil }
        return lostLane(letter.id)
    }

    /// The system gave no thread: where another lane is there it will come to the message, and else nobody will.
    private func lostLane(_ id: UInt64) -> SMTPOutcome? {
        state.withLock { state in
            state.lanes -= 1
            guard state.lanes == 0, state.remove(id) != nil else { return nil }
            return ended(.failed)
        }
    }

    /// What a lane does next: told to wait it may be woken from then on, told to end it never is.
    func turn(of lane: SMTPLane, hasWaited: Bool) -> Turn {
        state.withLock { state in
            state.idle.removeAll { $0 === lane }
            if !state.isClosed, let letter = state.takeFirst() {
                state.working[letter.id] = lane
                return .deliver(letter)
            }
            if state.isClosed || hasWaited {
                state.lanes -= 1
                return .end
            }
            state.idle.append(lane)
            return .wait
        }
    }

    /// Tells who waits; the lane counts as idle before it is told, so that its next message needs no lane of its own.
    func finish(_ letter: Letter, _ outcome: SMTPOutcome, _ lane: SMTPLane) {
        state.withLock { state in
            state.working[letter.id] = nil
            state.cancelled.remove(letter.id)
            state.idle.append(lane)
        }
        letter.waiter.resume(returning: outcome)
    }

    /// Why a message on its way is to be given up, if it is.
    func interruption(of id: UInt64) -> OutboundError.Code? {
        state.withLock { state in state.isClosed ? .closed : state.cancelled.contains(id) ? .cancelled : nil }
    }

    func close() {
        let left = state.withLock { state -> [Letter] in
            guard !state.isClosed else { return [] }
            state.isClosed = true
            for lane in state.idle + state.working.values { lane.wake() }
            defer { (state.waiting, state.taken) = ([], 0) }
            return Array(state.waiting[state.taken...])
        }
        for letter in left { letter.waiter.resume(returning: ended(.closed)) }
    }

    private func cancel(_ id: UInt64) {
        let letter = state.withLock { state -> Letter? in
            if let lane = state.working[id] {
                state.cancelled.insert(id)
                lane.wake()
                return nil
            }
            return state.remove(id)
        }
        letter?.waiter.resume(returning: ended(.cancelled))
    }

    /// The outcome of a message that no lane has taken.
    private func ended(_ code: OutboundError.Code) -> SMTPOutcome {
        SMTPOutcome(.connect, .failed(OutboundError(relay, code, Self.words(code), mayHaveArrived: false)))
    }

    static func words(_ code: OutboundError.Code) -> String {
        switch code {
        case .cancelled: "the task was cancelled"
        case .closed: "the mail client was closed"
        default: "the system gave no thread for a connection"
        }
    }
}
