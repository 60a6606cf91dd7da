/// A stretch of time in which a zone keeps one distance from UTC, and the distances on both sides of it.
///
/// All values are seconds. Offsets are east of UTC. The local times that the zone's clock shows in it run from
/// `start + offset` up to, not including, `end + offset`.
package struct ZoneSegment: Hashable, Sendable {
    package let start: Int
    /// The first second that is no longer in it.
    package let end: Int
    package let offset: Int
    /// The offset just before `start`.
    package let offsetBefore: Int
    /// The offset from `end` on.
    package let offsetAfter: Int
    let kind: LocalTimeKind

    @inlinable
    package func contains(_ seconds: Int) -> Bool { start <= seconds && seconds < end }
}

/// A zone's transitions, ready to be searched.
///
/// They are those of its file, and those its rule makes for the 400 years after them. The calendar repeats every 400
/// years, so later times are looked up that many cycles earlier.
final class ZoneTable: Sendable {
    let name: String
    let directory: String
    /// Entry i holds from `starts[i]` to `starts[i + 1]`.
    private let starts: ContiguousArray<Int>
    private let kinds: ContiguousArray<LocalTimeKind>
    /// From here on times repeat those of one cycle earlier.
    private let horizon: Int

    /// Before and after all time that an `Instant` can hold, with room to add offsets.
    private static let beginning = -(1 << 60)
    private static let end = 1 << 60
    private static let cycle = CivilCalendar.daysPerCycle * 86_400

    convenience init(name: String, directory: String) throws(ZoneError) {
        let bytes = try ZoneFile.read(name, in: directory)
        let content: TZifContent
        do throws(TZifReader.Failure) {
            content = try TZifReader.content(of: bytes)
        } catch {
            throw .malformed(name, reason: error.reason)
        }
        self.init(name: name, directory: directory, content: content)
    }

    init(name: String, directory: String, content: TZifContent) {
        self.name = name
        self.directory = directory
        var builder = Builder(
            content.kinds.first ?? LocalTimeKind(offset: 0, isDaylightSaving: false, abbreviation: "UTC")
        )
        for transition in content.transitions { builder.add(transition.at, content.kinds[transition.kind]) }
        horizon = content.rule.map { builder.extend(by: $0) } ?? Self.end
        starts = builder.starts
        kinds = builder.kinds
    }

    func segment(at seconds: Int) -> ZoneSegment {
        guard seconds >= horizon else { return segment(index(of: seconds), shift: 0) }
        let shift = ((seconds - horizon) / Self.cycle + 1) * Self.cycle
        return segment(index(of: seconds - shift), shift: shift)
    }

    private func segment(_ index: Int, shift: Int) -> ZoneSegment {
        let isLast = index + 1 == starts.count
        return ZoneSegment(
            start: starts[index] + shift,
            end: isLast ? Self.end : starts[index + 1] + shift,
            offset: kinds[index].offset,
            offsetBefore: kinds[max(0, index - 1)].offset,
            offsetAfter: kinds[isLast ? index : index + 1].offset,
            kind: kinds[index]
        )
    }

    /// The last entry that starts at or before the second.
    private func index(of seconds: Int) -> Int {
        starts.withUnsafeBufferPointer { starts in
            var base = 0
            var size = starts.count
            while size > 1 {
                let half = size / 2
                base = starts[base + half] <= seconds ? base + half : base
                size -= half
            }
            return base
        }
    }

    /// Puts transitions in a row, leaving out those that change nothing.
    private struct Builder {
        var starts: ContiguousArray<Int> = [ZoneTable.beginning]
        var kinds: ContiguousArray<LocalTimeKind>

        init(_ first: LocalTimeKind) {
            kinds = [first]
        }

        mutating func add(_ start: Int, _ kind: LocalTimeKind) {
            guard let last = starts.last, start >= last else { return }
            if start == last {
                // The later word counts, as where daylight saving time ends and begins in the same second.
                kinds[kinds.count - 1] = kind
                guard kinds.count > 1, kinds[kinds.count - 2] == kind else { return }
                starts.removeLast()
                kinds.removeLast()
            } else if kinds[kinds.count - 1] != kind {
                starts.append(start)
                kinds.append(kind)
            }
        }

        /// Adds a little more than 400 years of the rule's changes and returns where they may begin to repeat.
        mutating func extend(by rule: POSIXZoneRule) -> Int {
            // Files name 1970 or later where they have no transition at all.
            let last = max(starts.last ?? 0, 0)
            guard let summer = rule.summer else {
                add(last, rule.standard)
                return ZoneTable.end
            }
            let firstYear = CivilCalendar.date(ofDay: last / 86_400).year
            for year in firstYear...firstYear + 403 {
                guard let (start, end) = rule.changes(in: year) else { break }
                let changes = [(start, summer.kind), (end, rule.standard)]
                for (at, kind) in start < end ? changes : changes.reversed() where at > last { add(at, kind) }
            }
            return CivilCalendar.dayNumber(year: firstYear + 402, month: 1, day: 1) * 86_400
        }
    }
}
