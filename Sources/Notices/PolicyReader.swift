internal import CivilTime
internal import Schedules
internal import Yams

/// Reads one dunning policy file and collects every problem in it.
struct PolicyReader {
    var yaml: YAMLReader
    /// The calendars beside the file, by name; one that has a problem of its own stands there without its days.
    let calendars: [String: BusinessCalendar]

    static let approvals: ClosedRange<Int64> = 1...100_000_000
    /// Days of payment grace.
    static let graces: ClosedRange<Int64> = 0...365

    typealias Fields = YAMLReader.Fields<PolicyKey>

    init(file: String, calendars: [String: BusinessCalendar]) {
        yaml = YAMLReader(file: file)
        self.calendars = calendars
    }

    /// The policies of a file; what comes after a problem is only good for finding the next one.
    mutating func policies(_ text: String) -> NoticePolicies? {
        guard let root = yaml.root(of: text, "begin with version: 1 and policy:, or remove the file"),
            let fields = yaml.fields(of: root, "a dunning policy", keys: PolicyFileKey.self)
        else { return nil }
        yaml.checkVersion(fields[.version], isMissing: fields.isMissing(.version), at: root)
        guard let policy = fields[.policy] else {
            if fields.isMissing(.policy) {
                yaml.report(root, "the file has no policy", remedy: "add policy: and its steps below it")
            }
            return nil
        }
        guard let draft = draft(policy.value, at: policy.key) else { return nil }
        check(draft, "policy")
        let overrides = fields[.tenants].map { tenants($0.value, of: draft) } ?? [:]
        guard yaml.problems.isEmpty else { return nil }
        return NoticePolicies(standard: draft.policy, overrides: overrides)
    }

    /// What was read of `policy`, with the places of what rules speak of.
    private mutating func draft(_ node: Node, at key: Node) -> PolicyDraft? {
        guard let fields = yaml.fields(of: node, "policy", keys: PolicyKey.self) else { return nil }
        var draft = PolicyDraft(node: key)
        if let field = fields[.steps] {
            draft.steps = steps(field.value)
            draft.stepsNode = field.key
        } else if fields.isMissing(.steps) {
            yaml.report(key, "policy has no steps", remedy: "add steps: and a list of them below it")
        }
        if let field = fields[.quiet] { draft.quiet = quiet(field.value) ?? draft.quiet }
        if let field = fields[.calendar] { draft.calendar = calendar(field.value) ?? draft.calendar }
        if let field = fields[.freshness] { draft.freshness = freshness(field.value) ?? draft.freshness }
        if let field = fields[.approveAbove] {
            draft.approveAbove = yaml.integer(field.value, "approve_above", in: Self.approvals)
        }
        if let field = fields[.paymentGraceDays] {
            draft.graceDays = yaml.integer(field.value, "payment_grace_days", in: Self.graces)
        }
        if let field = fields[.suspension] { readSuspension(field, &draft) }
        return draft
    }

    private mutating func hours(_ node: Node, _ what: String) -> (from: Int, until: Int)? {
        guard let fields = yaml.fields(of: node, what, keys: PolicyHoursKey.self) else { return nil }
        for key in PolicyHoursKey.allCases where fields.isMissing(key) {
            let remedy = "write { from: \"20:00\", until: \"08:00\" }"
            yaml.report(node, "\(what) has no \(key.rawValue)", remedy: remedy)
        }
        let from = fields[.from].flatMap { yaml.minuteOfDay($0.value, "from of \(what)") }
        let until = fields[.until].flatMap { yaml.minuteOfDay($0.value, "until of \(what)") }
        return from.flatMap { from in until.map { (from, $0) } }
    }

    private mutating func quiet(_ node: Node) -> QuietHours? {
        guard let (from, until) = hours(node, "quiet") else { return nil }
        if let quiet = QuietHours(from: from, until: until) { return quiet }
        let message = "quiet begins and ends at \(TimeText.of(from)): is that no hour, or all of them?"
        yaml.report(node, message, remedy: "let it end at another minute; it may reach over midnight")
        return nil
    }

    private mutating func calendar(_ node: Node) -> BusinessCalendar? {
        guard let name = yaml.text(node, "calendar") else { return nil }
        if let calendar = calendars[name] { return calendar }
        let guess = Spelling.suggestion(for: name, among: calendars.keys.sorted()).map { "\($0) " } ?? ""
        let remedy = guess + "put it into calendars/\(name).yaml beside this file"
        yaml.report(node, "there is no calendar \"\(name)\"", remedy: remedy)
        return nil
    }

    private mutating func freshness(_ node: Node) -> Duration? {
        guard let freshness = yaml.positiveDuration(node, "freshness") else { return nil }
        guard freshness <= .seconds(7 * 86_400) else {
            let message = "freshness is longer than a week: payers would be called late by data that old"
            yaml.report(node, message, remedy: "15m is usual, since bank data is asked for all the time")
            return nil
        }
        return freshness
    }

    private mutating func readSuspension(_ field: YAMLReader.Field, _ draft: inout PolicyDraft) {
        guard let fields = yaml.fields(of: field.value, "suspension", keys: PolicySuspensionKey.self) else { return }
        draft.suspensionNode = field.key
        if let field = fields[.enabled] {
            draft.suspends = yaml.boolean(field.value, "enabled of suspension") ?? false
        } else if fields.isMissing(.enabled) {
            yaml.report(
                field.key,
                "suspension does not say whether it is enabled",
                remedy: "add enabled: false or true"
            )
        }
        if let field = fields[.minimumNotice], let notice = yaml.positiveDuration(field.value, "minimum_notice") {
            draft.minimumNotice = notice
        }
        guard let window = fields[.window], let (from, until) = hours(window.value, "window of suspension") else {
            return
        }
        if let hours = OpenHours(from: from, until: until) {
            draft.suspensionHours = hours
        } else {
            let times = "\(TimeText.of(from)) to \(TimeText.of(until))"
            let remedy = "let it end after it begins, on the same day: nobody answers questions at night"
            yaml.report(window.value, "window of suspension has no length: \(times)", remedy: remedy)
        }
    }
}

/// A policy while its file is read.
struct PolicyDraft {
    let node: Node
    var stepsNode: Node?
    var steps: [PlacedStep] = []
    var quiet = QuietHours.nightly
    var calendar = BusinessCalendar.alwaysOpen
    var freshness = DunningPolicy.builtIn.freshness
    var approveAbove: Int?
    /// The shortest payment grace that invoices have, as the file says.
    var graceDays: Int?
    var suspends = false
    var suspensionNode: Node?
    var minimumNotice = DunningPolicy.builtIn.minimumNotice
    var suspensionHours = OpenHours.office

    init(node: Node) { self.node = node }

    var policy: DunningPolicy {
        DunningPolicy(
            steps: steps.map(\.step),
            quiet: quiet,
            calendar: calendar,
            freshness: freshness,
            approveAbove: approveAbove,
            suspends: suspends,
            minimumNotice: minimumNotice,
            suspensionHours: suspensionHours
        )
    }
}

/// A step, and where it and its values stand.
struct PlacedStep {
    var step: DunningStep
    /// Where its id stands.
    let node: Node
    var values: [PolicyStepKey: Node] = [:]

    /// Where a value stands, or the step where it has none of its own.
    func place(_ key: PolicyStepKey) -> Node { values[key] ?? node }
}
