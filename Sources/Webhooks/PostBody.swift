internal import Payments

/// The body of a post as JSON, read strictly: numbers keep their text, so that an amount never goes through a binary
/// fraction, and a key that stands twice makes the body unreadable, since nobody knows which of the two was meant.
package enum PostBody: Equatable, Sendable {
    case null
    case boolean(Bool)
    /// As it is written: `12.50`, `1e3`.
    case number(String)
    case text(String)
    case list([PostBody])
    case object([String: PostBody])

    /// Null where the bytes are no JSON in UTF-8, are nested deeper than anything sensible, have a key twice, or hold what no
    /// text of the database can.
    package init?(_ bytes: [UInt8]) {
        guard let read = try? ExactJSON(parsing: bytes), read.isStorable else { return nil }
        self.init(read)
    }

    private init?(_ read: ExactJSON) {
        switch read.value {
        case .null: self = .null
        case .boolean(let value): self = .boolean(value)
        case .number(let text): self = .number(text)
        case .text(let text): self = .text(text)
        case .list(let values):
            let elements = values.compactMap { PostBody($0) }
            guard elements.count == values.count else { return nil }
            self = .list(elements)
        case .object(let members):
            var known: [String: PostBody] = [:]
            for member in members {
                guard known[member.name] == nil, let value = PostBody(member.value) else { return nil }
                known[member.name] = value
            }
            self = .object(known)
        }
    }

    /// What stands at a path of keys and list places separated by dots: `data.items.0.id`.
    package func at(_ path: String) -> PostBody? {
        var found = self
        for part in path.split(separator: ".", omittingEmptySubsequences: false) {
            switch found {
            case .object(let members):
                guard let member = members[String(part)] else { return nil }
                found = member
            case .list(let elements):
                guard let place = Int(part), elements.indices.contains(place) else { return nil }
                found = elements[place]
            default: return nil
            }
        }
        return found
    }

    /// A text, number or truth value as text; null for everything else.
    package var words: String? {
        switch self {
        case .boolean(let value): value ? "true" : "false"
        case .number(let text), .text(let text): text
        default: nil
        }
    }
}
