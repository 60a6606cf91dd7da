internal import JobKit
internal import Postgres

/// What pgBackRest says of one stanza: `info --output=json`, read exactly.
///
/// Fields that a later version adds are passed over; one that is missing and needed is an error, and never a guess.
package struct PgBackRestInfo: Equatable, Sendable {
    package struct Backup: Equatable, Sendable {
        package let label: String
        package let kind: String
        /// Whether pgBackRest found damaged pages while it copied; nothing said is no damage.
        package let hasErrors: Bool
        /// The backups that it cannot be restored without.
        package let restsOn: [String]
        /// The pieces of the log that make it consistent; nil for one of a stopped cluster.
        package let firstLog: String?
        package let lastLog: String?
        /// Seconds since 1970.
        package let began: Int64
        package let ended: Int64
        /// Of the restored cluster.
        package let bytes: Int64
        /// In the repository, with what it rests on; what it has of its own where pgBackRest does not say.
        package let repositoryBytes: Int64
        /// What was written beside it when it was taken.
        package let notes: [String: String]
    }

    /// The cluster's own number, of the newest that the stanza had.
    package let system: UInt64?
    /// `none`, or how the repository is encrypted.
    package let cipher: String
    /// The oldest first.
    package let backups: [Backup]

    package func backup(_ label: String) -> Backup? { backups.first { $0.label == label } }

    /// Reads what `info` has printed.
    ///
    /// - Throws: `CustodyFailure` at the step: no such stanza, one that is not in order, or a text that is something else.
    package static func read(
        _ text: String,
        stanza name: String,
        step: String
    ) throws(CustodyFailure) -> PgBackRestInfo {
        let stanzas: [Words.Stanza]
        do {
            stanzas = try JSONText(text).decoded()
        } catch {
            throw CustodyFailure(
                step,
                "what pgBackRest says of stanza \(name) cannot be read: \(Words.place(of: error))"
            )
        }
        let remedy = "make it with: pgbackrest --stanza=\(name) stanza-create"
        guard let stanza = stanzas.first(where: { $0.name == name }) else {
            throw CustodyFailure(step, "pgBackRest knows no stanza \(name); \(remedy)")
        }
        switch stanza.status.code {
        // In order; in order and without a backup yet.
        case 0, 2: break
        case 1, 3: throw CustodyFailure(step, "stanza \(name) is not there (\(stanza.status.message)); \(remedy)")
        default:
            throw CustodyFailure(step, "stanza \(name) is not in order: \(stanza.status.message)", isPassing: true)
        }
        return PgBackRestInfo(
            system: stanza.db?.max { $0.id < $1.id }?.system,
            cipher: stanza.cipher ?? "unknown",
            backups: (stanza.backup ?? []).map(\.backup)
        )
    }

    /// The words of the JSON, as pgBackRest writes them.
    private enum Words {
        struct Stanza: Decodable {
            let name: String
            let status: Status
            let cipher: String?
            let db: [Database]?
            let backup: [Backup]?
        }

        struct Status: Decodable {
            let code: Int
            let message: String
        }

        struct Database: Decodable {
            let id: Int
            let system: UInt64

            enum CodingKeys: String, CodingKey {
                case id
                case system = "system-id"
            }
        }

        struct Span<Value: Decodable>: Decodable {
            let start: Value
            let stop: Value
        }

        struct Size: Decodable {
            struct Repository: Decodable {
                let delta: Int64
                let size: Int64?
            }

            let size: Int64
            let repository: Repository
        }

        struct Backup: Decodable {
            let label: String
            let type: String
            let error: Bool?
            let reference: [String]?
            let archive: Span<String?>?
            let timestamp: Span<Int64>
            let info: Size
            let annotation: [String: String]?

            var backup: PgBackRestInfo.Backup {
                PgBackRestInfo.Backup(
                    label: label,
                    kind: type,
                    hasErrors: error ?? false,
                    restsOn: reference ?? [],
                    firstLog: archive?.start,
                    lastLog: archive?.stop,
                    began: timestamp.start,
                    ended: timestamp.stop,
                    bytes: info.size,
                    repositoryBytes: info.repository.size ?? info.repository.delta,
                    notes: annotation ?? [:]
                )
            }
        }

        /// Where a text was not what it should be, without its contents.
        static func place(of error: any Error) -> String {
            let (path, what): ([any CodingKey], String) =
                switch error {
                case DecodingError.keyNotFound(let key, let context): (context.codingPath + [key], "is missing")
                case DecodingError.typeMismatch(_, let context): (context.codingPath, "is of another kind")
                case DecodingError.valueNotFound(_, let context): (context.codingPath, "is null")
                default: ([], "it is no JSON")
                }
            let words = path.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }.joined()
            return words.isEmpty ? what : "\(words) \(what)"
        }
    }
}
