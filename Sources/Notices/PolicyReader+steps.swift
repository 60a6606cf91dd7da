internal import CivilTime
internal import Schedules
internal import Yams

/// The steps of a policy, one by one; what they must be together stands with the rules.
extension PolicyReader {
    /// An invoice is not spoken of earlier or later than that.
    static let offsets: ClosedRange<Int64> = -365...365

    mutating func steps(_ node: Node) -> [PlacedStep] {
        guard let sequence = node.sequence, !sequence.isEmpty else {
            let message = "steps must be a list of one or more steps, not \(YAMLReader.found(node))"
            yaml.report(node, message, remedy: "write - { id: overdue, offset_days: 1, category: overdue }")
            return []
        }
        return sequence.compactMap { step($0) }
    }

    private mutating func step(_ node: Node) -> PlacedStep? {
        guard let fields = yaml.fields(of: node, "a step", keys: PolicyStepKey.self) else { return nil }
        guard let field = fields[.id] else {
            if fields.isMissing(.id) {
                yaml.report(node, "a step has no id", remedy: "add id: and a name that stays, such as overdue")
            }
            return nil
        }
        guard let id = stepID(field.value) else { return nil }
        let values = Dictionary(uniqueKeysWithValues: fields.known.map { ($0, $1) })
        return newStep(id, at: field.value, values, isMissing: { fields.isMissing($0) })
    }

    /// A name that can stay what it is: it is part of what makes a notice unique.
    mutating func stepID(_ node: Node) -> String? {
        let id = node.scalar?.string ?? ""
        guard PolicyNames.isName(id) else {
            yaml.report(node, "\(YAMLReader.found(node)) is no id for a step", remedy: PolicyNames.rule)
            return nil
        }
        return id
    }

    /// A step with everything that it must have.
    mutating func newStep(
        _ id: String,
        at node: Node,
        _ fields: [PolicyStepKey: YAMLReader.Field],
        isMissing: (PolicyStepKey) -> Bool
    ) -> PlacedStep? {
        for key in [PolicyStepKey.offsetDays, .category] where isMissing(key) {
            let categories = NoticeCatalogue.dunning.map(\.name).joined(separator: ", ")
            let remedy =
                key == .category ? "add one of: \(categories)" : "add offset_days: 1, or -7 for before the due date"
            yaml.report(node, "step \"\(id)\" has no \(key.rawValue)", remedy: remedy)
        }
        guard let offset = fields[.offsetDays], let category = fields[.category],
            let days = yaml.integer(offset.value, "offset_days of step \"\(id)\"", in: PolicyReader.offsets),
            let name = self.category(category.value, of: id)
        else { return nil }
        var placed = PlacedStep(step: DunningStep(id, offsetDays: days, category: name), node: node)
        read(fields, into: &placed)
        return placed
    }

    /// The values that may be left out, or that a tenant changes.
    mutating func read(_ fields: [PolicyStepKey: YAMLReader.Field], into placed: inout PlacedStep) {
        let what = "step \"\(placed.step.id)\""
        placed.values.merge(fields.mapValues(\.value)) { _, new in new }
        if let field = fields[.offsetDays] {
            let days = yaml.integer(field.value, "offset_days of \(what)", in: PolicyReader.offsets)
            placed.step.offsetDays = days ?? placed.step.offsetDays
        }
        if let field = fields[.at], let minute = yaml.minuteOfDay(field.value, "at of \(what)") {
            placed.step.minuteOfDay = minute
        }
        if let field = fields[.template], let template = template(field.value, of: what) {
            placed.step.template = template
        }
        if let field = fields[.channels], let channels = channels(field.value, of: what) {
            placed.step.ladder = channels
        }
        if let field = fields[.validFor], let time = yaml.positiveDuration(field.value, "valid_for of \(what)") {
            placed.step.validFor = time
        }
    }

    private mutating func category(_ node: Node, of id: String) -> String? {
        guard let name = yaml.text(node, "category of step \"\(id)\"") else { return nil }
        let names = NoticeCatalogue.dunning.map(\.name)
        if names.contains(name) { return name }
        let guess = Spelling.suggestion(for: name, among: names).map { "\($0) " } ?? ""
        let why = NoticeCatalogue.category(named: name) == nil ? "there is no category" : "no step can say"
        let remedy = "\(guess)the categories of steps are: \(names.joined(separator: ", "))"
        yaml.report(node, "\(why) \"\(name)\"", remedy: remedy)
        return nil
    }

    private mutating func template(_ node: Node, of what: String) -> String? {
        let name = node.scalar?.string ?? ""
        guard PolicyNames.isName(name) else {
            yaml.report(
                node,
                "template of \(what): \(YAMLReader.found(node)) is no template's name",
                remedy: PolicyNames.rule
            )
            return nil
        }
        return name
    }

    private mutating func channels(_ node: Node, of what: String) -> [NoticeChannel]? {
        guard let sequence = node.sequence, !sequence.isEmpty else {
            let message = "channels of \(what) must be a list of one or more channels, not \(YAMLReader.found(node))"
            yaml.report(node, message, remedy: "write [email, telegram, sms, operator], the first to be tried first")
            return nil
        }
        var channels: [NoticeChannel] = []
        for element in sequence {
            guard let channel = yaml.choice(element, "a channel of \(what)", of: NoticeChannel.self) else { return nil }
            guard !channels.contains(channel) else {
                let remedy = "name it once: where a channel fails the next one is tried"
                yaml.report(element, "\(channel.rawValue) stands twice in channels of \(what)", remedy: remedy)
                return nil
            }
            channels.append(channel)
        }
        return channels
    }
}

/// The names that steps, templates and calendars may have.
enum PolicyNames {
    static let rule = "use at most 40 lower-case letters, digits, hyphens and _, a letter first"

    static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, (97...122).contains(first), text.utf8.count <= 40 else { return false }
        return text.utf8.allSatisfy { "abcdefghijklmnopqrstuvwxyz0123456789_-".utf8.contains($0) }
    }
}
