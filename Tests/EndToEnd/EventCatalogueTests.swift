import Notices
import TestSupport
import Testing

/// The catalogue of events against everything that the sources write.
@Suite("The catalogue of events")
struct EventCatalogueTests {
    @Test("Every kind of event that the sources write leads to a notice, or says why nobody is told")
    func complete() {
        var seen: Set<String> = []
        for room in [
            "Engine", "Events", "Tenancy", "Billing", "Payments", "Webhooks", "Notices", "Standing", "Custody",
            "bursar",
        ] {
            let folder = "\(Program.project)/Sources/\(room)"
            for file in files(in: folder, ending: ".swift") + files(in: folder, ending: ".up.sql") {
                for line in contents(of: file).split(separator: "\n") where line.contains(Self.writing) {
                    for match in line.matches(of: Self.kind) { seen.insert(String(match.1)) }
                }
            }
        }
        for kind in seen.sorted() where NoticeCatalogue.tellings[kind] == nil {
            Issue.record("\(kind) is written and stands not in NoticeCatalogue.tellings")
        }
        #expect(seen.count > 40)
    }

    @Test("The kinds that lead to a notice are those that the database queues")
    func sameAsTheDatabase() {
        let migration = contents(of: "\(Program.project)/Sources/Notices/Migrations/m0027_notices.up.sql")
        guard let begin = migration.firstRange(of: "insert into bursar.noticed_kind"),
            let end = migration[begin.upperBound...].firstRange(of: ";")
        else {
            Issue.record("the migration does not fill noticed_kind")
            return
        }
        let queued = Set(migration[begin.upperBound..<end.lowerBound].matches(of: Self.kind).map { String($0.1) })
        let told = NoticeCatalogue.tellings.filter { if case .category = $0.value { true } else { false } }
        #expect(queued == Set(told.keys))
        for case .category(let name) in told.values { #expect(NoticeCatalogue.category(named: name) != nil) }
    }

    /// The calls and columns by which events are written.
    private static var writing: Regex<Substring> {
        /note\(|note_act\(|note_of_house\(|HouseNote\(|'[a-z_]+' \|\| |then '[a-z_]+\.[a-z_]+'|select .*'[a-z_]+\.[a-z_]+', '/
    }

    /// A kind, of the subjects that there are.
    private static var kind: Regex<(Substring, Substring)> {
        /['"]((?:backup|bakong|consent|contact|credit|delivery_report|demo|drill|endpoint|invoice|issuer|legal_hold|notices|payer|payment|plan_version|policy|provider|rate|receiving_account|schedule|statement|subscription|suppression|suspense|tenant|unpark|webhooks|write_off)\.[a-z_]+)['"]/
    }
}
