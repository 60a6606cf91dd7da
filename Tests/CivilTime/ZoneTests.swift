import CivilTime
import Testing

@Suite struct ZoneTests {
    private func instant(_ text: String) throws -> Instant { try #require(Instant(text)) }
    private func local(_ text: String) throws -> CivilDateTime {
        let utc = try #require(Instant(text + "Z"))
        return Zone.utc.localTime(at: utc)
    }

    @Test(arguments: [
        ("2026-02-28T16:59:59Z", "2026-02-28"), ("2026-02-28T17:00:00Z", "2026-03-01"),
    ])
    func `Midnight in Phnom Penh is at five in the afternoon UTC`(utc: String, date: String) throws {
        #expect(try Zone(named: "Asia/Phnom_Penh").localDate(at: instant(utc)).description == date)
    }

    @Test func `A local time in a gap is none, in a fold two, elsewhere one instant`() throws {
        let riga = try Zone(named: "Europe/Riga")
        #expect(try riga.instants(of: local("2021-03-28T02:59:00")) == .one(instant("2021-03-28T00:59:00Z")))
        #expect(
            try riga.instants(of: local("2021-03-28T03:15:00"))
                == .gap(transition: instant("2021-03-28T01:00:00Z"), shifted: instant("2021-03-28T01:15:00Z"))
        )
        #expect(
            try riga.instants(of: local("2021-10-31T03:30:00"))
                == .fold(first: instant("2021-10-31T00:30:00Z"), second: instant("2021-10-31T01:30:00Z"))
        )
    }

    @Test func `A day begins at midnight, after the gap that swallows it, or at the first of two midnights`() throws {
        let date = try #require(CivilDate("2022-09-11"))
        #expect(try Zone(named: "America/Santiago").startOfDay(date) == instant("2022-09-11T04:00:00Z"))
        #expect(try Zone(named: "UTC").startOfDay(date) == instant("2022-09-11T00:00:00Z"))
        let skipped = try #require(CivilDate("2011-12-30"))
        #expect(try Zone(named: "Pacific/Apia").startOfDay(skipped) == instant("2011-12-30T10:00:00Z"))
    }

    @Test func `The rule goes on after the last transition on record, for thousands of years`() throws {
        let newYork = try Zone(named: "America/New_York")
        for year in ["2038", "2437", "2441", "2837", "6041", "9999"] {
            #expect(try newYork.offset(at: instant("\(year)-07-01T12:00:00Z")) == -4 * 3_600)
            #expect(try newYork.offset(at: instant("\(year)-12-31T23:59:59Z")) == -5 * 3_600)
            #expect(try newYork.abbreviation(at: instant("\(year)-07-01T12:00:00Z")) == "EDT")
        }
        let next = try #require(newYork.nextTransition(after: instant("2500-01-01T00:00:00Z")))
        #expect(next.at == (try instant("2500-03-14T07:00:00Z")))
        #expect(next.offsetBefore == -18_000 && next.offsetAfter == -14_400)
    }

    @Test func `A zone without changes has no next transition`() throws {
        #expect(try Zone(named: "Asia/Phnom_Penh").nextTransition(after: instant("2026-01-01T00:00:00Z")) == nil)
        #expect(Zone.utc.nextTransition(after: .epoch) == nil)
    }

    @Test(arguments: [
        "/etc/passwd", "../../../etc/passwd", "Asia/../../../etc/passwd", "", ".", "Asia//Phnom_Penh", "Asia/",
        "-x", "Asia/Phnom Penh", "UTC\0", String(repeating: "a", count: 200),
    ])
    func `A name that could leave the folder of zones is refused unread`(name: String) {
        #expect(throws: ZoneError.badName(name)) { try Zone(named: name) }
    }

    @Test func `A zone that is not there is refused with what to write instead`() throws {
        #expect(throws: ZoneError.unknown("asia/phnom_penh", suggestion: "Asia/Phnom_Penh")) {
            try Zone(named: "asia/phnom_penh")
        }
        #expect(throws: ZoneError.unknown("Asia/Atlantis", suggestion: nil)) { try Zone(named: "Asia/Atlantis") }
        #expect(throws: ZoneError.unknown("Asia", suggestion: nil)) { try Zone(named: "Asia") }
        #expect(throws: ZoneError.noDatabase(directory: "/nowhere")) {
            try Zone(named: "Asia/Tokyo", directory: "/nowhere")
        }
        #expect("\(ZoneError.noDatabase(directory: "/nowhere"))".contains("install the package tzdata"))
        #expect("\(ZoneError.unknown("asia/tokyo", suggestion: "Asia/Tokyo"))".contains("did you mean Asia/Tokyo?"))
    }

    @Test func `Zones are read once, and anew after they were forgotten`() throws {
        let first = try Zone(named: "Europe/Riga")
        Zone.forgetAll()
        #expect(try Zone(named: "Europe/Riga") == first)
        #expect(try Zone(named: "Europe/Vilnius") != first)
    }
}
