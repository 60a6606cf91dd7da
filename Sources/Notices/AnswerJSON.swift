internal import Schedules

/// The JSON of a provider's answer, of which nothing is sure.
struct AnswerJSON {
    /// Nil where there is nothing, or no JSON.
    let value: JSONValue?

    init(_ body: [UInt8]) { value = try? JSONValue(parsing: String(decoding: body, as: UTF8.self)) }

    private init(value: JSONValue?) { self.value = value }

    /// What stands at a path of names and numbers of elements, with dots between: `messages.0.id`.
    subscript(path: String) -> AnswerJSON {
        AnswerJSON(
            value: path.split(separator: ".").reduce(value) { value, part in
                switch value {
                case .object(let members)?: members[String(part)]
                case .list(let values)?: Int(part).flatMap { values.indices.contains($0) ? values[$0] : nil }
                default: nil
                }
            }
        )
    }

    /// A text, a whole number or a truth value, as text.
    var word: String? {
        switch value {
        case .text(let text): text
        case .integer(let number): "\(number)"
        case .boolean(let value): "\(value)"
        case .null, .number, .list, .object, nil: nil
        }
    }

    var whole: Int64? { word.flatMap { Int64($0) } }
}
