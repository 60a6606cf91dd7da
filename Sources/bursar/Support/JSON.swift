import FoundationEssentials

/// JSON as every command prints it: keys in snake_case and in order.
enum JSON {
    static func text(of value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        guard let data = try? encoder.encode(value) else { return "{}" }
        return String(decoding: data, as: UTF8.self)
    }
}

/// Any JSON value, for showing what the daemon answered.
enum JSONTree: Decodable, Sendable, Equatable {
    case null
    case boolean(Bool)
    case number(String)
    case text(String)
    case list([JSONTree])
    case object([String: JSONTree])

    /// Null where the bytes are no JSON.
    init?(_ bytes: [UInt8]) {
        guard let tree = try? JSONDecoder().decode(JSONTree.self, from: Data(bytes)) else { return nil }
        self = tree
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .boolean(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .number("\(value)")
        } else if let value = try? container.decode(Double.self) {
            self = .number("\(value)")
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([JSONTree].self) {
            self = .list(value)
        } else {
            self = .object(try container.decode([String: JSONTree].self))
        }
    }

    /// For people: one `key: value` a line, what belongs together indented.
    func lines(indent: Int = 0) -> [String] {
        let space = String(repeating: " ", count: indent)
        switch self {
        case .object(let members):
            return members.sorted { $0.key < $1.key }.flatMap { key, value in
                let name = String(key.map { $0 == "_" ? " " : $0 })
                if let scalar = value.scalar { return ["\(space)\(name): \(scalar)"] }
                return ["\(space)\(name):"] + value.lines(indent: indent + 2)
            }
        case .list(let elements):
            return elements.flatMap { element in
                if let scalar = element.scalar { return ["\(space)- \(scalar)"] }
                let lines = element.lines(indent: indent + 2)
                guard let first = lines.first else { return [String]() }
                return ["\(space)- \(first.dropFirst(indent + 2))"] + lines.dropFirst()
            }
        default: return [space + (scalar ?? "")]
        }
    }

    private var scalar: String? {
        switch self {
        case .null: "none"
        case .boolean(let value): value ? "yes" : "no"
        case .number(let value), .text(let value): value
        case .list(let elements): elements.isEmpty ? "none" : nil
        case .object(let members): members.isEmpty ? "none" : nil
        }
    }
}
