package import CivilTime
internal import Glibc
internal import Synchronization

/// A line that was said in an attempt, and by whom.
package struct AttemptLine: Equatable, Sendable {
    /// Where a line came from.
    package enum Source: String, Sendable {
        /// The job's own logger.
        case log
        /// The standard output of a program that the job ran.
        case stdout
        /// Its standard error.
        case stderr
    }

    /// Its number within the attempt, from 1; a number that is missing was left out.
    package let place: Int
    /// By the node's clock: for people, it orders nothing.
    package let at: Instant
    package let source: Source
    /// Of lines that were logged.
    package let level: String?
    package let text: String
}

/// What is said in one attempt, to be kept with it: the job's log from `info` on, and the output of its programs.
///
/// Bounded by ``Limit``: the first half of what fits is kept as it comes, the last half at the end, and between the two one
/// line says how much was left out. Whoever says something never waits; the engine takes the lines and stores them.
package final class AttemptLines: Sendable {
    /// How much is kept of one attempt.
    package struct Limit: Equatable, Sendable {
        package var lines: Int
        package var bytes: Int

        package init(lines: Int = 1_000, bytes: Int = 262_144) {
            self.lines = lines
            self.bytes = bytes
        }
    }

    /// Longer lines are cut, and say so.
    static let longestLine = 8_192

    fileprivate struct State: Sendable {
        var limit = Limit()
        var lastPlace = 0
        /// Lines of the first half that are not stored yet.
        var fresh: [AttemptLine] = []
        /// Whether somebody was told of the fresh lines and has not come for them yet.
        var isTold = false
        var head = Limit(lines: 0, bytes: 0)
        /// The last half, which still changes.
        var tail = LineTail()
        var leftOut = Limit(lines: 0, bytes: 0)
        var isHeadFull = false
    }

    private let state = Mutex(State())
    private let whenFresh = Mutex<(@Sendable () -> Void)?>(nil)

    package init() {}

    /// Has the action called whenever there is something to take and nobody was told yet; it must not wait.
    package func onFresh(_ action: @escaping @Sendable () -> Void) { whenFresh.withLock { $0 = action } }

    /// How much is kept; set it before anything is said.
    package var limit: Limit {
        get { state.withLock { $0.limit } }
        set { state.withLock { $0.limit = newValue } }
    }

    /// Keeps a line.
    ///
    /// It never waits.
    package func keep(_ text: String, from source: AttemptLine.Source, level: String? = nil) {
        let at = Self.now
        let isFirst = state.withLock { state in
            state.lastPlace += 1
            let text = Self.storable(text)
            let line = AttemptLine(place: state.lastPlace, at: at, source: source, level: level, text: text)
            return state.take(line)
        }
        if isFirst { whenFresh.withLock { $0 }?() }
    }

    /// The lines that can be stored now, each once.
    package func takeFresh() -> [AttemptLine] {
        state.withLock { state in
            defer { state.fresh = [] }
            state.isTold = false
            return state.fresh
        }
    }

    /// Everything that is left to store at the attempt's end, with the line that says what was left out.
    package func takeAll() -> [AttemptLine] {
        state.withLock { state in
            var lines = state.fresh
            if let first = state.tail.lines.first, state.leftOut.lines > 0 {
                let words = "… \(state.leftOut.lines) lines (\(state.leftOut.bytes) bytes) are left out here"
                lines.append(
                    AttemptLine(place: first.place - 1, at: first.at, source: .log, level: "notice", text: words)
                )
            }
            lines += state.tail.lines
            state.fresh = []
            state.tail = LineTail()
            state.leftOut = Limit(lines: 0, bytes: 0)
            return lines
        }
    }

    /// Lines that could not be stored come first the next time.
    package func putBack(_ lines: [AttemptLine]) {
        state.withLock { state in
            state.fresh.insert(contentsOf: lines, at: 0)
            state.isTold = false
        }
    }

    private static var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Instant(microsecondsSinceEpoch: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }

    /// What PostgreSQL can store, on one line, and not longer than a line may be.
    private static func storable(_ text: String) -> String {
        var text = text
        if text.utf8.count > longestLine {
            let kept = String(decoding: text.utf8.prefix(longestLine), as: UTF8.self)
            text = "\(kept) … (\(text.utf8.count - longestLine) bytes more)"
        }
        return text.utf8.contains(0) ? text.replacing("\0", with: "\u{FFFD}") : text
    }
}

extension AttemptLines.State {
    /// Whether somebody should be told that there is something to store.
    fileprivate mutating func take(_ line: AttemptLine) -> Bool {
        let bytes = line.text.utf8.count
        if !isHeadFull, head.lines < (limit.lines + 1) / 2, head.bytes + bytes <= limit.bytes / 2 {
            head.lines += 1
            head.bytes += bytes
            fresh.append(line)
            defer { isTold = true }
            return !isTold
        }
        isHeadFull = true
        let dropped = tail.add(line, lines: limit.lines / 2, bytes: limit.bytes / 2)
        leftOut.lines += dropped.lines
        leftOut.bytes += dropped.bytes
        return false
    }
}

/// The last lines of many.
private struct LineTail: Sendable {
    private var ring: [AttemptLine] = []
    private var first = 0
    private var bytes = 0

    var lines: ArraySlice<AttemptLine> { ring[first...] }

    /// Adds a line and drops the oldest until the rest fits; the newest always does.
    mutating func add(_ line: AttemptLine, lines most: Int, bytes mostBytes: Int) -> AttemptLines.Limit {
        ring.append(line)
        bytes += line.text.utf8.count
        var dropped = AttemptLines.Limit(lines: 0, bytes: 0)
        while ring.count - first > 1, ring.count - first > most || bytes > mostBytes {
            let size = ring[first].text.utf8.count
            bytes -= size
            dropped.lines += 1
            dropped.bytes += size
            first += 1
        }
        if first > 512, first > ring.count / 2 {
            ring.removeFirst(first)
            first = 0
        }
        return dropped
    }
}
