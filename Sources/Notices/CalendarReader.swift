internal import CivilTime
package import Schedules
package import Yams

/// Reads one business calendar and collects every problem in it.
struct CalendarReader {
    var yaml: YAMLReader
    /// For the warning of a calendar that runs out.
    let today: CivilDate

    /// So many days before its end a calendar asks for its successor.
    static let warningDays = 60

    init(file: String, today: CivilDate) {
        yaml = YAMLReader(file: file)
        self.today = today
    }

    mutating func calendar(named name: String, _ text: String) -> BusinessCalendar? {
        guard let root = yaml.root(of: text, "begin with version: 1, or remove the file"),
            let fields = yaml.fields(of: root, "a calendar", keys: CalendarFileKey.self)
        else { return nil }
        yaml.checkVersion(fields[.version], isMissing: fields.isMissing(.version), at: root)
        require(fields, [.country, .source, .until, .closed], at: root)
        if let field = fields[.country] { checkCountry(field.value) }
        if let field = fields[.source] { checkSource(field.value) }
        let until = fields[.until].flatMap { yaml.date($0.value, "until") }
        let weekend = fields[.weekend].map { readWeekend($0.value) } ?? []
        let closed = fields[.closed].map { readClosed($0.value, until: until) } ?? [:]
        guard yaml.problems.isEmpty, let until, let field = fields[.until] else { return nil }
        warn(of: until, at: field.value)
        return BusinessCalendar(name: name, closed: closed, weekend: weekend, until: until)
    }

    private mutating func require(
        _ fields: YAMLReader.Fields<CalendarFileKey>,
        _ keys: [CalendarFileKey],
        at root: Node
    ) {
        for key in keys where fields.isMissing(key) {
            let remedy =
                switch key {
                case .country: "add country: KH, or the code of the country that is meant"
                case .source: "add source: { text: where the dates are from, date: 2026-01-31 }"
                case .until: "add until: and the last day of which the file knows the holidays"
                default: "add closed: and a line \"2026-01-01: Name\" for each holiday; {} is none"
                }
            yaml.report(root, "the calendar has no \(key.rawValue)", remedy: remedy)
        }
    }

    private mutating func checkCountry(_ node: Node) {
        let text = node.scalar?.string ?? ""
        guard text.utf8.count == 2, text.utf8.allSatisfy({ (65...90).contains($0) }) else {
            let message = "country must be a code of ISO 3166, not \(YAMLReader.found(node))"
            return yaml.report(node, message, remedy: "write two capital letters, as KH")
        }
    }

    /// A date without its source cannot be checked by anybody.
    private mutating func checkSource(_ node: Node) {
        guard let fields = yaml.fields(of: node, "source", keys: CalendarSourceKey.self) else { return }
        for key in CalendarSourceKey.allCases where fields.isMissing(key) {
            let remedy = "write { text: where the dates are from, date: when it was looked at }"
            yaml.report(node, "source has no \(key.rawValue)", remedy: remedy)
        }
        if let field = fields[.text] { _ = yaml.text(field.value, "text of source") }
        guard let field = fields[.date], let date = yaml.date(field.value, "date of source"), date > today else {
            return
        }
        yaml.warn(
            field.value,
            "the source is dated \(date), which is still to come",
            remedy: "write when it was looked at"
        )
    }

    private mutating func readWeekend(_ node: Node) -> Set<Weekday> {
        guard let sequence = node.sequence else {
            let message = "weekend must be a list of days, not \(YAMLReader.found(node))"
            yaml.report(node, message, remedy: "write [saturday, sunday]; [] is none")
            return []
        }
        var days: Set<Weekday> = []
        for element in sequence {
            guard let day = yaml.choice(element, "a day of weekend", of: Weekday.self) else { continue }
            if !days.insert(day).inserted {
                yaml.report(element, "\(day.rawValue) stands twice in weekend", remedy: "name it once")
            }
        }
        if days.count == Weekday.allCases.count {
            yaml.report(node, "with every day a weekend nothing is ever sent", remedy: "leave one day at least open")
        }
        return days
    }

    private mutating func readClosed(_ node: Node, until: CivilDate?) -> [CivilDate: String] {
        guard let mapping = node.mapping else {
            let message = "closed must be a mapping from dates to names, not \(YAMLReader.found(node))"
            yaml.report(node, message, remedy: "write a line \"2026-01-01: Name\" for each holiday; {} is none")
            return [:]
        }
        var closed: [CivilDate: String] = [:]
        var late: [Node] = []
        for (key, value) in mapping {
            guard let date = yaml.date(key, "a key of closed"), let name = yaml.text(value, "the name of \(date)")
            else {
                continue
            }
            closed[date] = name
            if let until, date > until { late.append(key) }
        }
        if let first = late.first, let until {
            let more = late.count == 1 ? "" : " and \(late.count - 1) more days"
            let message = "\(first.scalar?.string ?? "")\(more) after \(until), the last day that the calendar knows"
            yaml.report(first, message, remedy: "set until to a day up to which every holiday stands here")
        }
        return closed
    }

    private mutating func warn(of until: CivilDate, at node: Node) {
        let left = today.days(to: until)
        guard left < Self.warningDays else { return }
        let end = left < 0 ? "ended on \(until), \(-left) days ago" : "ends on \(until), in \(left) days"
        let remedy = "add the holidays of the next year, with their source; until then no day after it is a holiday"
        yaml.warn(node, "the calendar \(end)", remedy: remedy)
    }
}

extension YAMLReader {
    /// The root of a document; nil after problems.
    package mutating func root(of text: String, _ remedy: String) -> Node? {
        let document = YAMLDocument(text, file: file)
        report(document.problems)
        guard document.problems.isEmpty, document.root == nil else { return document.root }
        report([FileProblem(at: SourcePosition(file: file, line: 1, column: 1), "the file is empty", remedy: remedy)])
        return nil
    }

    /// Every file says which version of its format it is.
    package mutating func checkVersion(_ field: Field?, isMissing: Bool, at root: Node) {
        if let field, field.value.scalar?.unquoted != "1" {
            let message = "version must be 1, not \(YAMLReader.found(field.value))"
            report(field.value, message, remedy: "this Bursar reads version: 1 only")
        } else if isMissing {
            report(root, "the file does not say which version of the format it is", remedy: "add version: 1")
        }
    }
}
