internal import Synchronization

/// A time zone of the system's own database (the Debian package tzdata): which local time an instant is, and which
/// instants a local time means.
///
/// Read from the TZif file once and kept until `forgetAll()`. Before the first transition on record the file's first
/// kind of time holds; after the last one its rule goes on for ever.
package struct Zone: Sendable {
    private let table: ZoneTable

    /// Where the system keeps its zone files.
    package static let systemDirectory = "/usr/share/zoneinfo"

    /// UTC, which needs no file.
    package static let utc = Zone(
        table: ZoneTable(
            name: "UTC",
            directory: systemDirectory,
            content: TZifContent(kinds: [LocalTimeKind(offset: 0, isDaylightSaving: false, abbreviation: "UTC")])
        )
    )

    private struct Key: Hashable {
        let name: String
        let directory: String
    }

    private static let known = Mutex<[Key: ZoneTable]>([:])

    private init(table: ZoneTable) {
        self.table = table
    }

    /// The zone of an IANA name such as `Asia/Phnom_Penh`.
    ///
    /// - Throws: when there is no such zone, or its file cannot be used; the error's description says what to do.
    package init(named name: String, directory: String = Zone.systemDirectory) throws(ZoneError) {
        let key = Key(name: name, directory: directory)
        if let table = Self.known.withLock({ $0[key] }) {
            self.table = table
            return
        }
        let table = name == "UTC" ? Zone.utc.table : try ZoneTable(name: name, directory: directory)
        // Of two readers of one file the first one's table stays, so that there is one of each.
        self.table = Self.known.withLock { known in
            let kept = known[key] ?? table
            known[key] = kept
            return kept
        }
    }

    /// Reads every zone anew on its next use, after tzdata was updated.
    ///
    /// Zones in use keep what they have read.
    package static func forgetAll() {
        known.withLock { $0.removeAll() }
    }

    package var name: String { table.name }

    /// Seconds east of UTC.
    package func offset(at instant: Instant) -> Int { segment(at: instant.secondsSinceEpoch).offset }

    /// What the zone's clock shows; the fraction of the second is dropped.
    package func localTime(at instant: Instant) -> CivilDateTime {
        let seconds = instant.secondsSinceEpoch
        return CivilDateTime(localSeconds: seconds + segment(at: seconds).offset)
    }

    /// The zone's date at an instant: the day that counts for due dates and periods.
    package func localDate(at instant: Instant) -> CivilDate {
        let seconds = instant.secondsSinceEpoch
        let days = CivilCalendar.floorDivide(seconds + segment(at: seconds).offset, 86_400)
        return CivilDate(daysSinceEpoch: days)
    }

    /// What the local time is called, such as `EEST`, or `+07` where it has no name.
    package func abbreviation(at instant: Instant) -> String {
        segment(at: instant.secondsSinceEpoch).kind.abbreviation
    }

    package func isDaylightSaving(at instant: Instant) -> Bool {
        segment(at: instant.secondsSinceEpoch).kind.isDaylightSaving
    }

    /// The stretch of unchanged offset around a second since the epoch.
    package func segment(at secondsSinceEpoch: Int) -> ZoneSegment { table.segment(at: secondsSinceEpoch) }
}

extension Zone: Hashable {
    package static func == (left: Zone, right: Zone) -> Bool {
        left.table === right.table || (left.name == right.name && left.table.directory == right.table.directory)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(name)
    }
}

extension Zone: CustomStringConvertible {
    package var description: String { name }
}
