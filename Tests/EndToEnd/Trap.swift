import Glibc
import Postgres
import Synchronization
import TestSupport

/// Something that is told once, to whoever waits for it.
final class Moment<Value: Sendable>: Sendable {
    private let stream = AsyncStream<Value>.makeStream(bufferingPolicy: .bufferingOldest(1))

    func tell(_ value: Value) { stream.continuation.yield(value) }

    /// Waits until it is told.
    ///
    /// - Throws: `WaitedInVain` when it has not been in time.
    func told(_ what: String, within limit: Duration = .seconds(30)) async throws -> Value {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { [stream = stream.stream] in
                for await value in stream { return value }
                return nil
            }
            group.addTask {
                // The deadline of the wait.
                try await Task.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            guard let value = try await group.next().flatMap(\.self) else {
                throw WaitedInVain(what: what, limit: limit)
            }
            return value
        }
    }
}

/// Where a daemon is struck: when it sends this statement for the nth time since its run began.
struct Strike: Sendable, Hashable, CustomStringConvertible {
    enum Moment: String, Sendable {
        /// The server never gets the statement.
        case before
        /// The server gets it, and all that was sent with it; the answer finds nobody.
        case after
    }

    let statement: String
    let occurrence: Int
    let moment: Moment
    /// How many subscriptions a chunk of the run has.
    var chunk = 50

    var description: String { "\(moment) \(statement) #\(occurrence)" }
}

/// Stands between a daemon and its database, counts what the daemon says from the moment its run begins, and strikes it
/// at one named statement.
final class Trap: Sendable {
    private struct State {
        var strike: Strike?
        var random: Int?
        var victim: pid_t = 0
        var signal = SIGKILL
        var beginning = "run.assert_fence"
        var verdict: PostgresProxy.Verdict?
        var hasBegun = false
        var counts: [String: Int] = [:]
        var said = 0
        var order: [String] = []
        var hasSprung = false
    }

    /// Told when it has struck, with the statement.
    let sprung = Moment<String>()
    private let state = Mutex(State())

    /// - Parameters:
    ///   - strike: where it strikes; nil to listen only.
    ///   - random: or at the nth statement of the run, whichever it is.
    ///   - signal: what the daemon gets; 0 for nothing. Only a killed daemon's statement is kept from the server.
    ///   - beginning: the statement at whose first occurrence the run counts as begun.
    ///   - verdict: what becomes of the statement, where that does not follow from strike and signal.
    init(
        _ strike: Strike? = nil,
        random: Int? = nil,
        signal: Int32 = SIGKILL,
        beginning: String = "run.assert_fence",
        verdict: PostgresProxy.Verdict? = nil
    ) {
        state.withLock {
            $0.beginning = beginning
            $0.verdict = verdict
            $0.strike = strike
            $0.random = random
            $0.signal = signal
            // A claim comes before the run has begun.
            $0.hasBegun = strike?.statement == "engine.claim"
        }
    }

    /// Whom it strikes.
    func aim(at process: ChildProcess) { state.withLock { $0.victim = process.pid } }

    /// How often each statement was said since the run began.
    var counts: [String: Int] { state.withLock { $0.counts } }

    /// How many statements were said since the run began.
    var said: Int { state.withLock { $0.said } }

    /// For the proxy.
    func judge(_ message: PostgresProxy.Message) -> PostgresProxy.Verdict {
        guard message.kind == .bind else { return .forward }
        let (struck, verdict) = state.withLock { state in listen(message, &state) }
        if struck { sprung.tell(message.statement) }
        return verdict
    }

    private func listen(
        _ message: PostgresProxy.Message,
        _ state: inout State
    ) -> (struck: Bool, PostgresProxy.Verdict) {
        if message.statement == state.beginning { state.hasBegun = true }
        guard state.hasBegun else { return (false, .forward) }
        if state.hasSprung { return (false, .forward) }
        let count = state.counts[message.statement, default: 0] + 1
        state.counts[message.statement] = count
        state.said += 1
        let isMeant = state.strike.map { $0.statement == message.statement && $0.occurrence == count } ?? false
        guard state.victim != 0, isMeant || state.random == state.said else { return (false, .forward) }
        state.hasSprung = true
        _ = kill(state.victim, state.signal)
        let standard: PostgresProxy.Verdict =
            state.strike?.moment == .after || state.signal != SIGKILL ? .forward : .drop
        return (true, state.verdict ?? standard)
    }
}

extension PostgresProxy {
    /// A proxy in front of a house's server that asks the trap.
    convenience init(_ house: House, _ trap: Trap) throws {
        try self.init(serverDirectory: house.database.cluster.settings.socketDirectory) { trap.judge($0) }
    }

    func url(_ house: House) -> String { url(database: house.database.name, user: "bursar") }
}
