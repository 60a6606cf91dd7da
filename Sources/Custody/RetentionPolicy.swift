internal import COpenSSL
internal import JobKit
internal import Postgres

/// How long the rows of one table are kept, on what ground, and within which bounds they go.
package struct RetentionPolicy: Hashable, Sendable {
    package let table: PurgeTable
    /// How long a row is kept after its clock.
    package var keep: Duration
    /// On what law or rule, in words.
    package var legalBasis: String
    /// No tenant may keep less, or more.
    package var floor: Duration
    package var ceiling: Duration?
    /// Other times, by the tenant's external reference.
    package var tenants: [String: Duration] = [:]
    /// How many rows one transaction purges at most; fewer where they take too long.
    ///
    /// So few by default, and so seldom, that whoever waits for the disk behind one hardly notices: measured by
    /// `bursar bench retention`.
    package var batch = 200
    /// How long to rest between two, at least.
    package var pause = Duration.milliseconds(50)
    /// How long a statement of a purge waits for a lock, in milliseconds.
    package var lockTimeout = 500
    /// More than these in one run need a person.
    package var maxRowsPerRun = 1_000_000
    package var maxPercent = 50
    /// For so many days after the policy was first seen its rows are only counted.
    package var observeDays = 14

    package init(_ table: PurgeTable, keep: Duration, legalBasis: String = "no longer needed") {
        self.table = table
        self.keep = keep
        self.legalBasis = legalBasis
        floor = .seconds(Int64(table.floorDays) * 86_400)
    }

    /// What it says of which rows go, and on what ground, as JSON: how fast they go is no part of it.
    package var json: String {
        let own = tenants.sorted { $0.key < $1.key }.map { "\(Self.quoted($0.key)):\($0.value.components.seconds)" }
        let ceiling = ceiling.map { "\($0.components.seconds)" } ?? "null"
        return """
            {"table":"\(table.rawValue)","clock":"\(table.clock)","action":"\(table.action.rawValue)",\
            "keep":\(keep.components.seconds),"floor":\(floor.components.seconds),"ceiling":\(ceiling),\
            "legal_basis":\(Self.quoted(legalBasis)),"observe_days":\(observeDays),"max_rows_per_run":\(maxRowsPerRun),\
            "max_percent":\(maxPercent),"tenants":{\(own.joined(separator: ","))}}
            """
    }

    /// What a proposal is bound to: the first half of the SHA-256 of ``json``, in hex.
    package var hash: String {
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        let text = Array(json.utf8)
        SHA256(text, text.count, &digest)
        return digest.prefix(16).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func quoted(_ text: String) -> String { (try? JSONText(encoding: text).text) ?? "\"\"" }
}

/// The retention policies of a file, one a table; tables that none of them names are never touched.
package struct RetentionPolicies: Hashable, Sendable {
    package let all: [RetentionPolicy]

    package init(_ all: [RetentionPolicy] = []) { self.all = all }

    package subscript(table table: String) -> RetentionPolicy? { all.first { $0.table.rawValue == table } }
}
