/// The loop's deadlines, earliest first: a binary heap of tickets.
///
/// A ticket that was settled early stays in the heap until its time comes or until `compact` sweeps it, so settling
/// costs nothing.
struct TimerHeap {
    private struct Entry {
        let deadline: ContinuousClock.Instant
        let ticket: SocketLoop.Ticket
    }

    private var entries: [Entry] = []

    var count: Int { entries.count }

    var earliest: ContinuousClock.Instant? { entries.first?.deadline }

    mutating func insert(_ ticket: SocketLoop.Ticket, at deadline: ContinuousClock.Instant) {
        entries.append(Entry(deadline: deadline, ticket: ticket))
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard entries[child].deadline < entries[parent].deadline else { return }
            entries.swapAt(child, parent)
            child = parent
        }
    }

    /// Takes the earliest ticket if its deadline has passed.
    mutating func popExpired(at now: ContinuousClock.Instant) -> SocketLoop.Ticket? {
        guard let first = entries.first, first.deadline <= now else { return nil }
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        siftDown(from: 0)
        return first.ticket
    }

    /// Drops the tickets that `isLive` no longer knows.
    mutating func compact(keeping isLive: (SocketLoop.Ticket) -> Bool) {
        entries.removeAll { !isLive($0.ticket) }
        for index in stride(from: entries.count / 2, through: 0, by: -1) { siftDown(from: index) }
    }

    private mutating func siftDown(from start: Int) {
        var parent = start
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < entries.count && entries[child].deadline < entries[smallest].deadline {
                smallest = child
            }
            guard smallest != parent else { return }
            entries.swapAt(parent, smallest)
            parent = smallest
        }
    }
}
