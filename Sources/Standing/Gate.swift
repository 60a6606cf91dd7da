/// One condition of a suspension: what was found, what is wanted, and whether that is enough.
///
/// The same words stand on the transition of a suspension, for good. The source of the gates is docs/suspension.md.
package struct Gate: Codable, Equatable, Sendable {
    /// Its name: `grace`, `bank_data`, `payments`, `final_notice`, `holds`, `window` and so on.
    package let gate: String
    package let passed: Bool
    package let value: GateValue
    package let wanted: String
    /// In words for people, whether it passed or not.
    package let why: String

    /// Every gate of a suspension, in the order in which they are told; the last is the run's own.
    package static let all = [
        "switch", "drill", "reconciliation", "grace", "bank_data", "payments", "final_notice", "holds", "billed",
        "window",
        "blast_limit",
    ]
}

/// What a gate found: any JSON.
package enum GateValue: Codable, Equatable, Sendable {
    case none
    case flag(Bool)
    case number(Double)
    case text(String)
    case list([GateValue])
    case fields([String: GateValue])

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .none
        } else if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let list = try? container.decode([GateValue].self) {
            self = .list(list)
        } else {
            self = .fields(try container.decode([String: GateValue].self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .none: try container.encodeNil()
        case .flag(let flag): try container.encode(flag)
        case .number(let number): try container.encode(number)
        case .text(let text): try container.encode(text)
        case .list(let list): try container.encode(list)
        case .fields(let fields): try container.encode(fields)
        }
    }
}

extension GateValue: CustomStringConvertible {
    /// In a line, for people.
    package var description: String {
        switch self {
        case .none: "none"
        case .flag(let flag): flag ? "yes" : "no"
        case .number(let number): Int64(exactly: number).map { "\($0)" } ?? "\(number)"
        case .text(let text): text
        case .list(let list): list.isEmpty ? "none" : list.map(\.description).joined(separator: ", ")
        case .fields(let fields):
            fields.filter { $0.value != .none }.sorted { $0.key < $1.key }
                .map { "\($0.key.map { $0 == "_" ? " " : String($0) }.joined()) \($0.value)" }.joined(separator: ", ")
        }
    }
}
