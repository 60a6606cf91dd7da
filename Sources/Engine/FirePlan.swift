package import CivilTime

/// What became due of one schedule, and what becomes of it.
package struct FirePlan: Equatable, Sendable {
    /// What a due instant came to; those that are in no fire are counted in the gap, as missed.
    package enum Verdict: String, Sendable {
        /// It makes a run.
        case ran
        /// An earlier run is not done, and the schedule's `overlap` says that this one is left out.
        case skipped
        /// It waits for an operator.
        case asked
    }

    package struct Fire: Equatable, Sendable {
        package let at: Instant
        package var verdict: Verdict
        /// Nobody was there when it was due: the misfire policy lets it run all the same.
        package var isCaughtUp = false
        /// Its run starts only once every run of an earlier fire is done.
        package var isInSequence = false
        /// There is such an earlier run, so the run must wait.
        package var waits = false
        /// Why it makes no run, for an operator.
        package var why: String?
    }

    /// Fires that nobody was there for and that are not caught up.
    package struct Gap: Equatable, Sendable {
        package let from: Instant
        package let to: Instant
        package let count: Int
    }

    /// In order of time.
    package var fires: [Fire] = []
    package var gap: Gap?
    /// Every fire up to here is answered for.
    package var highWater: Instant
    /// Earlier runs that were not caught up are cancelled, since a newer fire has come.
    package var cancelsEarlier = false
}

/// The runs of a schedule that can still start or go on by themselves, when its fires are judged.
package struct LiveRuns: Equatable, Sendable {
    /// Ready, running, or scheduled for their jitter, their turn or their next attempt.
    ///
    /// Not those that wait for an
    /// approval, are snoozed or dead, or wait for another schedule.
    package var count: Int

    package init(count: Int = 0) { self.count = count }
}
