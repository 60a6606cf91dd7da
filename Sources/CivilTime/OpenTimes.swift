/// When somebody may be disturbed: not at quiet hours, and not on closed days.
package struct OpenTimes: Hashable, Sendable {
    /// Nil: no hour is quiet.
    package var quiet: QuietHours?
    package var calendar: BusinessCalendar

    package init(quiet: QuietHours?, calendar: BusinessCalendar) {
        self.quiet = quiet
        self.calendar = calendar
    }

    /// Open within some hours of the calendar's open days.
    package init(_ hours: OpenHours, calendar: BusinessCalendar) {
        self.init(quiet: QuietHours(from: hours.until % 1440, until: hours.from), calendar: calendar)
    }

    /// Why something has to wait.
    package enum Delay: Hashable, Sendable, CustomStringConvertible {
        case quietHours
        /// By the name of the holiday, or of the day of the weekend.
        case closedDay(String)

        package var description: String {
            switch self {
            case .quietHours: "quiet hours"
            case .closedDay(let name): "closed: \(name)"
            }
        }
    }

    /// What speaks against an instant in a zone, a closed day before quiet hours; nil where nothing does.
    package func delay(at instant: Instant, in zone: Zone) -> Delay? {
        let local = zone.localTime(at: instant)
        if let name = calendar.closure(on: local.date) { return .closedDay(name) }
        return quiet?.isQuiet(local.minuteOfDay) ?? false ? .quietHours : nil
    }

    /// The first instant, this one or a later one, that is neither quiet nor on a closed day by the zone's clock.
    ///
    /// - Returns: the instant, and why it is later than what was asked for: the first closed day that was met, else the quiet
    ///   hours; nil where it is not later.
    package func earliest(at instant: Instant, in zone: Zone) -> (instant: Instant, reason: Delay?) {
        var (instant, reason): (Instant, Delay?) = (instant, nil)
        while let delay = delay(at: instant, in: zone) {
            if reason == nil || reason == .quietHours { reason = delay }
            // The day decides until midnight, the hour until the quiet hours end.
            let second = delay == .quietHours ? (quiet?.until ?? 0) * 60 : 0
            let next = zone.nextChange(after: instant, orClockShows: second)
            guard next > instant else { break }
            instant = next
        }
        return (instant, reason)
    }
}
