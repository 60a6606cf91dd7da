/// What a node asks for when it looks for work.
package struct ClaimWish: Sendable {
    package let node: String
    package let jobs: [String]
    /// As many as it has slots free.
    package let limit: Int
    /// Turns before this one are left out: see ``ClaimFloor``.
    package var floor = Int64.min
    /// Whether runs whose time has come are made ready first.
    package var promotes = true
    /// The gate after which to look for room, and how many gates to look at.
    package var gate: String?
    package var gatesLookedAt = 50
    /// Whether the node has said that it wants to be told of new work.
    package var saidIdle = false
    /// What the node remembers of the database's past: where that is gone the claim is refused.
    package var marks = Marks()

    package init(node: String, jobs: [String], limit: Int) {
        self.node = node
        self.jobs = jobs
        self.limit = limit
    }
}

/// What a node got.
package struct Claim: Sendable {
    package var runs: [ClaimedRun] = []
    package var latestTurn: Int64?
    /// Where the next look at the gates begins; nil at the first one again.
    package var gate: String?
    /// What the node says of itself now, where that has changed.
    package var saysIdle: Bool?

    init(gate: String?) { self.gate = gate }
}

/// At which gates a node looks for room, one part of them a look.
///
/// A pure state machine. A look among many costs little and sees few gates; a node that has slots left after it looks on at
/// once, at more of them, until it has been round or has looked often enough: with thousands of keys that have no room the
/// rest is found at the next ring.
package struct GateRound: Equatable, Sendable {
    /// The most looks that one ring is worth.
    static let mostLooks = 10

    /// The gate after which the next look begins; nil at the first of all.
    package private(set) var next: String?
    private var looks = 0
    private var isWhole = true

    package init() {}

    /// The bell rang: as many looks may follow as are worth one ring.
    package mutating func begin() {
        looks = 0
        isWhole = next == nil
    }

    /// How many gates a look sees: few at first.
    package var most: Int { looks == 0 ? 50 : 200 }

    /// Whether gates are left that were not looked at since the bell rang.
    package var looksOn: Bool { looks < Self.mostLooks && !(next == nil && isWhole) }

    /// A look came as far as this gate, or to the end of all.
    package mutating func looked(next: String?) {
        looks += 1
        // The round began in the middle: the gates before it are still to come.
        if self.next == nil, looks > 1 { isWhole = true }
        self.next = next
    }
}

/// Where in the order of turns a node begins to look.
///
/// A pure state machine: it never reads a clock. Rows that were claimed stay in the index until the server may clean it, and a
/// long transaction elsewhere keeps it from that for hours; every look from the beginning would wade through them. So most
/// looks begin at the latest turn that this node has met, and one from the beginning comes whenever it has found less than it
/// wanted, and regularly: no more often than one twentieth of the time goes into them, and every five seconds at least.
package struct ClaimFloor: Equatable, Sendable {
    private var met: Int64 = .min
    private var fullAgainAt: ContinuousClock.Instant?

    package init() {}

    /// The turn at which a look at `now` begins.
    package func floor(now: ContinuousClock.Instant) -> Int64 {
        guard let fullAgainAt, now < fullAgainAt else { return .min }
        return met
    }

    /// A look that began at `floor` and lasted from `began` to `ended` met this latest turn, or nothing.
    package mutating func looked(
        from floor: Int64,
        latestTurn: Int64?,
        isSaturated: Bool,
        began: ContinuousClock.Instant,
        ended: ContinuousClock.Instant
    ) {
        if let latestTurn { met = max(met, latestTurn) }
        if floor == .min {
            let pause = min(max((ended - began) * 20, .milliseconds(20)), .seconds(5))
            fullAgainAt = ended + pause
        }
        // Less than was wanted from here on: what is left may lie before.
        if !isSaturated, floor > .min { fullAgainAt = nil }
    }
}
