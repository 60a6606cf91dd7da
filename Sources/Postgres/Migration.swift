internal import COpenSSL

/// One step of the schema, with the way back.
package struct Migration: Sendable, Hashable {
    /// Its place in the one sequence of all migrations, counted from 1.
    package let number: Int
    package let name: String
    package let up: String
    package let down: String

    package init(number: Int, name: String, up: String, down: String) {
        self.number = number
        self.name = name
        self.up = up
        self.down = down
    }

    /// SHA-256 of the way up, in hex: a migration that was applied must not change.
    package var checksum: String {
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        let text = Array(up.utf8)
        SHA256(text, text.count, &digest)
        return String(UInt8.postgresText(ofMany: digest).dropFirst(2))
    }
}

/// A migration that the database has.
package struct AppliedMigration: Sendable, Hashable {
    package let number: Int
    package let name: String
    package let checksum: String
    /// RFC 3339, UTC.
    package let appliedAt: String
}

/// How the database's schema and this program fit together.
package enum SchemaCompatibility: Sendable, Hashable {
    case current
    /// The database lacks these.
    case older(missing: [Int])
    /// The database has these, which this program does not know.
    case newer(unknown: [Int])
    /// These were applied with another text than this program has.
    case altered([Int])

    package init(applied: [AppliedMigration], known: [Migration]) {
        let knownByNumber = Dictionary(known.map { ($0.number, $0) }, uniquingKeysWith: { first, _ in first })
        let altered = applied.filter { knownByNumber[$0.number].map(\.checksum) ?? $0.checksum != $0.checksum }
        let unknown = applied.filter { knownByNumber[$0.number] == nil }
        let missing = Set(known.map(\.number)).subtracting(applied.map(\.number))
        if !altered.isEmpty {
            self = .altered(altered.map(\.number))
        } else if !unknown.isEmpty {
            self = .newer(unknown: unknown.map(\.number))
        } else if !missing.isEmpty {
            self = .older(missing: missing.sorted())
        } else {
            self = .current
        }
    }
}

/// Why the schema was not, or must not be, used or changed.
///
/// Its description names the command that mends it.
package enum MigrationError: Error, Sendable, CustomStringConvertible {
    case older(missing: [Int])
    case newer(unknown: [Int])
    case altered([Int])
    /// Another migration runs; what is known of its session.
    case locked(by: String)
    /// The list in this program has a number twice, or one that is not positive.
    case badSequence(Int)
    /// There is no such migration to stop at.
    case noSuchMigration(Int)
    /// A migration ended its own transaction, or its text failed.
    case failed(number: Int, name: String, error: PostgresError)

    package var description: String {
        switch self {
        case .older(let missing):
            "the database is older than this program: it lacks \(list(missing)); run `bursar migrate up`"
        case .newer(let unknown):
            "the database is newer than this program: it has \(list(unknown)); install the release that it was migrated"
                + " with, or go back with that release's `bursar migrate down`"
        case .altered(let numbers):
            "\(list(numbers)) differ from what was applied to the database; an applied migration must not change:"
                + " install the release that the database was migrated with (`bursar migrate status` compares)"
        case .locked(let holder):
            "another migration is running (\(holder)); wait for it, or end it, and run `bursar migrate up` again"
        case .badSequence(let number): "migration number \(number) is not positive or stands twice"
        case .noSuchMigration(let number): "there is no migration \(number); `bursar migrate status` lists them"
        case .failed(let number, let name, let error):
            "migration \(number) \(name) failed and was rolled back: \(error)"
        }
    }

    private func list(_ numbers: [Int]) -> String {
        (numbers.count == 1 ? "migration " : "migrations ") + numbers.map(String.init).joined(separator: ", ")
    }
}
