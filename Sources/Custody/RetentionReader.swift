internal import Notices
internal import Schedules
internal import Yams

/// Reads one file of retention policies and collects every problem in it.
struct RetentionReader {
    var yaml: YAMLReader

    private typealias Fields = YAMLReader.Fields<RetentionKey>

    init(file: String) { yaml = YAMLReader(file: file) }

    /// The policies of a file; what comes after a problem is only good for finding the next one.
    mutating func policies(_ text: String) -> RetentionPolicies? {
        guard let root = yaml.root(of: text, "begin with version: 1 and retention:, or remove the file"),
            let fields = yaml.fields(of: root, "the retention policies", keys: RetentionFileKey.self)
        else { return nil }
        yaml.checkVersion(fields[.version], isMissing: fields.isMissing(.version), at: root)
        guard let list = fields[.retention] else {
            if fields.isMissing(.retention) {
                yaml.report(root, "the file has no retention", remedy: "add retention: and a list of policies below it")
            }
            return nil
        }
        guard let sequence = list.value.sequence else {
            let message = "retention must be a list of policies, not \(YAMLReader.found(list.value))"
            yaml.report(list.value, message, remedy: "write - { table: attempt_line, keep: 90d, … }; [] is none")
            return nil
        }
        var policies: [RetentionPolicy] = []
        for node in sequence {
            guard let policy = policy(node) else { continue }
            if policies.contains(where: { $0.table == policy.table }) {
                yaml.report(node, "\(policy.table.rawValue) has two policies", remedy: "keep one of them")
            }
            policies.append(policy)
        }
        return RetentionPolicies(policies)
    }

    private mutating func policy(_ node: Node) -> RetentionPolicy? {
        guard let fields = yaml.fields(of: node, "a retention policy", keys: RetentionKey.self) else { return nil }
        for key in [RetentionKey.table, .clock, .keep, .action, .legalBasis] where fields.isMissing(key) {
            yaml.report(
                node,
                "the policy has no \(key.rawValue)",
                remedy: "every policy needs table, clock, keep, action and legal_basis"
            )
        }
        guard let named = fields[.table], let table = table(named.value) else { return nil }
        checkWay(of: table, fields)
        guard let keep = fields[.keep].flatMap({ yaml.positiveDuration($0.value, "keep of \(table.rawValue)") }) else {
            return nil
        }
        var policy = RetentionPolicy(table, keep: keep)
        if let basis = fields[.legalBasis] {
            policy.legalBasis = yaml.text(basis.value, "legal_basis of \(table.rawValue)") ?? policy.legalBasis
        }
        if let floor = fields[.floor] { read(floor: floor.value, into: &policy) }
        if keep < policy.floor, let field = fields[.keep] {
            let floor = Self.days(policy.floor)
            yaml.report(
                field.value,
                "keep of \(table.rawValue) is below its floor of \(floor)",
                remedy: "keep \(floor) or longer"
            )
        }
        readBounds(fields, into: &policy)
        readTenants(fields, into: &policy)
        return policy
    }

    /// A table that may be purged; of one that may not, the reason.
    private mutating func table(_ node: Node) -> PurgeTable? {
        guard let name = yaml.text(node, "table") else { return nil }
        if let table = PurgeTable(rawValue: name) { return table }
        let names = PurgeTable.allCases.map(\.rawValue)
        let known = "the tables that may be purged are: \(names.joined(separator: ", "))"
        if PurgeTable.isLedger(name) {
            yaml.report(
                node,
                "\(name) is a table of the ledger: it is never purged",
                remedy: "remove the policy; \(known)"
            )
        } else {
            let guess = Spelling.suggestion(for: name, among: names).map { "\($0) " } ?? ""
            yaml.report(node, "\"\(name)\" is no table that may be purged", remedy: guess + known)
        }
        return nil
    }

    /// Clock and action are written so that whoever reads the file knows; the table has one of each.
    private mutating func checkWay(of table: PurgeTable, _ fields: YAMLReader.Fields<RetentionKey>) {
        if let clock = fields[.clock], clock.value.scalar?.string != table.clock {
            let message = "clock of \(table.rawValue) is \(YAMLReader.found(clock.value))"
            yaml.report(clock.value, message, remedy: "its rows are as old as \(table.clock)")
        }
        if let action = fields[.action],
            let wanted = yaml.choice(action.value, "action of \(table.rawValue)", of: PurgeAction.self),
            wanted != table.action
        {
            let way =
                switch table.action {
                case .delete: "deleted: it has no partitions"
                case .dropPartition: "dropped by partition, never deleted from"
                case .erase: "erased: the rows stay"
                }
            yaml.report(
                action.value,
                "rows of \(table.rawValue) cannot go by \(wanted.rawValue)",
                remedy: "they are \(way)"
            )
        }
    }

    private mutating func read(floor node: Node, into policy: inout RetentionPolicy) {
        guard let floor = yaml.positiveDuration(node, "floor of \(policy.table.rawValue)") else { return }
        guard floor >= policy.floor else {
            let least = Self.days(policy.floor)
            yaml.report(
                node,
                "floor of \(policy.table.rawValue) is below the program's own of \(least)",
                remedy: "write \(least) or longer"
            )
            return
        }
        policy.floor = floor
    }

    private mutating func readBounds(_ fields: YAMLReader.Fields<RetentionKey>, into policy: inout RetentionPolicy) {
        let table = policy.table.rawValue
        if let field = fields[.batch] {
            policy.batch = yaml.integer(field.value, "batch of \(table)", in: RetentionRange.batch) ?? policy.batch
        }
        if let field = fields[.pause],
            let pause = yaml.integer(field.value, "pause_ms of \(table)", in: RetentionRange.pause)
        {
            policy.pause = .milliseconds(pause)
        }
        if let field = fields[.lockTimeout] {
            policy.lockTimeout =
                yaml.integer(field.value, "lock_timeout_ms of \(table)", in: RetentionRange.lockTimeout)
                ?? policy.lockTimeout
        }
        if let field = fields[.maxRowsPerRun] {
            policy.maxRowsPerRun =
                yaml.integer(field.value, "max_rows_per_run of \(table)", in: RetentionRange.rows)
                ?? policy.maxRowsPerRun
        }
        if let field = fields[.maxPercent] {
            policy.maxPercent =
                yaml.integer(field.value, "max_percent of \(table)", in: RetentionRange.percent) ?? policy.maxPercent
        }
        if let field = fields[.observeDays] {
            policy.observeDays =
                yaml.integer(field.value, "observe_days of \(table)", in: RetentionRange.days) ?? policy.observeDays
        }
    }

    private mutating func readTenants(_ fields: YAMLReader.Fields<RetentionKey>, into policy: inout RetentionPolicy) {
        let table = policy.table.rawValue
        if let field = fields[.tenantOverride],
            let bounds = yaml.fields(of: field.value, "tenant_override of \(table)", keys: RetentionBoundKey.self)
        {
            if let floor = bounds[.floor] { read(floor: floor.value, into: &policy) }
            if let ceiling = bounds[.ceiling] {
                policy.ceiling = yaml.positiveDuration(ceiling.value, "ceiling of \(table)")
                if let highest = policy.ceiling, highest < policy.floor {
                    yaml.report(
                        ceiling.value,
                        "the ceiling of \(table) is below its floor of \(Self.days(policy.floor))",
                        remedy: "write \(Self.days(policy.floor)) or longer"
                    )
                }
            }
        }
        guard let field = fields[.tenants] else { return }
        guard let mapping = field.value.mapping else {
            yaml.report(
                field.value,
                "tenants of \(table) must be a mapping from external references to durations",
                remedy: "write { acme: 180d }"
            )
            return
        }
        if !policy.table.hasTenants, let first = mapping.first {
            yaml.report(
                first.key,
                "rows of \(table) belong to no tenant",
                remedy: "remove tenants: all of its rows have one time"
            )
            return
        }
        for (key, value) in mapping {
            guard let reference = yaml.text(key, "a tenant's external reference"),
                let keep = yaml.positiveDuration(value, "\(reference) of \(table)")
            else { continue }
            let highest = policy.ceiling ?? .seconds(Int64.max / 4)
            if keep < policy.floor || keep > highest {
                let upTo = policy.ceiling.map { " to \(Self.days($0))" } ?? " on"
                let bounds = "\(Self.days(policy.floor))\(upTo)"
                yaml.report(
                    value,
                    "\(reference) keeps \(table) for \(Self.days(keep))",
                    remedy: "a tenant may keep it from \(bounds)"
                )
            }
            policy.tenants[reference] = keep
        }
    }

    private static func days(_ duration: Duration) -> String {
        let seconds = duration.components.seconds
        return seconds % 86_400 == 0 ? "\(seconds / 86_400)d" : "\(seconds)s"
    }
}
