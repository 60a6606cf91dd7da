import Glibc

/// The time as the header `Date` wants it, made once a second: `Sun, 06 Nov 1994 08:49:37 GMT`.
struct HTTPDate {
    private var second: time_t = -1
    private var made = ""

    mutating func text() -> String {
        var now = time(nil)
        if now == second { return made }
        var parts = tm()
        gmtime_r(&now, &parts)
        let day = Self.days[Int(parts.tm_wday) % 7]
        let month = Self.months[Int(parts.tm_mon) % 12]
        let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { Self.two(Int($0)) }.joined(separator: ":")
        second = now
        made = "\(day), \(Self.two(Int(parts.tm_mday))) \(month) \(Int(parts.tm_year) + 1900) \(clock) GMT"
        return made
    }

    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
