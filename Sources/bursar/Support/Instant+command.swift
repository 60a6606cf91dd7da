import CivilTime
import FoundationEssentials

extension Instant {
    /// This machine's own clock: for showing what comes next, never for deciding it.
    static var now: Instant {
        Instant(microsecondsSinceEpoch: Int64(Date().timeIntervalSince1970 * 1_000_000))
    }

    /// An instant given on the command line; null where none was given.
    static func argument(_ text: String?, named name: String) throws(CommandFailure) -> Instant? {
        guard let text else { return nil }
        guard let instant = Instant(text) else {
            throw CommandFailure(
                .usage,
                "\(name) takes an instant with its offset, not '\(text)'",
                remedy: "as 2026-01-31T08:00:00+07:00 or 2026-01-31T01:00:00Z"
            )
        }
        return instant
    }
}

extension Zone {
    /// The local time with its offset, as `2026-01-31 08:00:00 +07:00` shows it.
    func localText(at instant: Instant) -> String {
        let local = localTime(at: instant)
        let offset = offset(at: instant)
        let minutes = abs(offset) / 60
        let sign = offset < 0 ? "-" : "+"
        let clock = [local.hour, local.minute, local.second].map(Self.two).joined(separator: ":")
        return "\(local.date) \(clock) \(sign)\(Self.two(minutes / 60)):\(Self.two(minutes % 60))"
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
