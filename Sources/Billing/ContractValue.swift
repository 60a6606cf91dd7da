internal import FoundationEssentials

/// A JSON value on its way between the command line, the daemon and a function of the contract.
///
/// Numbers are whole: amounts are minor units, and decimals travel as text.
package enum ContractValue: Codable, Sendable, Hashable {
    case null
    case flag(Bool)
    case whole(Int64)
    case text(String)
    case list([ContractValue])
    case object([String: ContractValue])

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .flag(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .whole(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([ContractValue].self) {
            self = .list(value)
        } else {
            self = .object(try container.decode([String: ContractValue].self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .flag(let value): try container.encode(value)
        case .whole(let value): try container.encode(value)
        case .text(let value): try container.encode(value)
        case .list(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    /// The value as JSON, keys in order.
    package var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
    }

    /// Null where the bytes are no JSON, or hold a number with a fraction.
    package init?(json: [UInt8]) {
        guard let value = try? JSONDecoder().decode(ContractValue.self, from: Data(json)) else { return nil }
        self = value
    }

    package static func text(_ value: String?) -> ContractValue { value.map { .text($0) } ?? .null }
    package static func whole(_ value: Int64?) -> ContractValue { value.map { .whole($0) } ?? .null }
    package static func whole(_ value: Int?) -> ContractValue { value.map { .whole(Int64($0)) } ?? .null }
}
