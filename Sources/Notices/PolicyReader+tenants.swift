internal import Schedules
internal import Yams

/// What tenants have otherwise: steps retimed, said on other channels or by other templates, left out, or added.
extension PolicyReader {
    /// By the tenant's external reference.
    mutating func tenants(_ node: Node, of draft: PolicyDraft) -> [String: DunningPolicy] {
        guard let mapping = node.mapping else {
            let message = "tenants must be a mapping from external references to changes, not \(YAMLReader.found(node))"
            yaml.report(node, message, remedy: "write acme: { steps: { courtesy: off } }; {} is none")
            return [:]
        }
        var policies: [String: DunningPolicy] = [:]
        for (key, value) in mapping {
            guard let reference = yaml.text(key, "a tenant's external reference") else { continue }
            let what = "tenant \"\(reference)\""
            guard let fields = yaml.fields(of: value, what, keys: TenantPolicyKey.self) else { continue }
            guard let steps = fields[.steps] else {
                if fields.isMissing(.steps) {
                    yaml.report(key, "\(what) changes nothing", remedy: "add steps: below it, or remove it")
                }
                continue
            }
            let problems = yaml.problems.count
            let changed = changed(draft, by: steps.value, of: what, at: key)
            // What follows from a step that could not be read is no news.
            if yaml.problems.count == problems { check(changed, what) }
            policies[reference] = changed.policy
        }
        return policies
    }

    private mutating func changed(_ draft: PolicyDraft, by node: Node, of what: String, at key: Node) -> PolicyDraft {
        var draft = PolicyDraft(node: key, changing: draft)
        guard let mapping = node.mapping else {
            let message = "steps of \(what) must be a mapping from ids to changes, not \(YAMLReader.found(node))"
            yaml.report(node, message, remedy: "write { courtesy: off, overdue: { at: \"10:30\" } }")
            return draft
        }
        for (id, value) in mapping {
            guard let name = stepID(id) else { continue }
            if let index = draft.steps.firstIndex(where: { $0.step.id == name }) {
                change(&draft, index, by: value, at: id)
            } else if let step = added(name, value, to: draft, at: id) {
                draft.steps.append(step)
            }
        }
        // Steps that fell on one day keep their order, and the rules say so.
        draft.steps.sort { $0.step.offsetDays < $1.step.offsetDays }
        return draft
    }

    private mutating func change(_ draft: inout PolicyDraft, _ index: Int, by value: Node, at id: Node) {
        let step = draft.steps[index].step
        let what = "step \"\(step.id)\""
        if value.scalar?.string == "off" {
            if step.category == PolicyRules.final, draft.suspends {
                let remedy = "retime it, or set suspension.enabled to false for all"
                yaml.report(id, "the final notice cannot be off while subscriptions are suspended", remedy: remedy)
            }
            draft.steps.remove(at: index)
            return
        }
        guard let fields = yaml.fields(of: value, what, keys: TenantStepKey.self) else { return }
        if let field = fields[.category] {
            let remedy = "leave it out, or add a step with an id of its own and set this one to off"
            yaml.report(field.key, "what \(what) says stays \"\(step.category)\"", remedy: remedy)
        }
        var changed = PlacedStep(step: step, node: id, values: [:])
        read(Self.ofStep(fields), into: &changed)
        draft.steps[index] = changed
    }

    private mutating func added(_ id: String, _ value: Node, to draft: PolicyDraft, at node: Node) -> PlacedStep? {
        let ids = draft.steps.map(\.step.id)
        guard value.mapping != nil else {
            let guess = Spelling.suggestion(for: id, among: ids).map { "\($0) " } ?? ""
            let remedy = "\(guess)the steps are: \(ids.joined(separator: ", "))"
            yaml.report(node, "there is no step \"\(id)\" to change", remedy: remedy)
            return nil
        }
        guard let fields = yaml.fields(of: value, "step \"\(id)\"", keys: TenantStepKey.self) else { return nil }
        if fields.isMissing(.category), let meant = Spelling.suggestion(for: id, among: ids) {
            let remedy = "\(meant) A step that is added needs offset_days and category"
            yaml.report(node, "there is no step \"\(id)\" to change", remedy: remedy)
            return nil
        }
        return newStep(
            id,
            at: node,
            Self.ofStep(fields),
            isMissing: { key in TenantStepKey(rawValue: key.rawValue).map { fields.isMissing($0) } ?? false }
        )
    }

    private static func ofStep(_ fields: YAMLReader.Fields<TenantStepKey>) -> [PolicyStepKey: YAMLReader.Field] {
        var values: [PolicyStepKey: YAMLReader.Field] = [:]
        for (key, field) in fields.known { values[key.ofStep] = field }
        return values
    }
}

extension PolicyDraft {
    /// A tenant's policy before its changes: problems that they make are told at the tenant.
    init(node: Node, changing draft: PolicyDraft) {
        self.init(node: node)
        (steps, stepsNode) = (draft.steps.map { PlacedStep(step: $0.step, node: node) }, node)
        (quiet, calendar, freshness) = (draft.quiet, draft.calendar, draft.freshness)
        (approveAbove, graceDays) = (draft.approveAbove, draft.graceDays)
        (suspends, suspensionNode) = (draft.suspends, node)
        (minimumNotice, suspensionHours) = (draft.minimumNotice, draft.suspensionHours)
    }
}
