/// A value as PHP has it after `json_decode($body, true)`: objects are arrays, whole numbers that do not fit 64 bits are
/// floating.
enum PHPValue: Sendable {
    case null
    case boolean(Bool)
    case integer(Int64)
    case float(Double)
    /// UTF-8.
    case text([UInt8])
    case array(PHPArray)
}

/// A key of a PHP array.
///
/// A text that is the usual writing of a whole number is that number.
enum PHPKey: Hashable, Sendable {
    case integer(Int64)
    case text([UInt8])

    init(_ text: [UInt8]) {
        self = Self.number(in: text).map(PHPKey.integer) ?? .text(text)
    }

    private static func number(in text: [UInt8]) -> Int64? {
        guard let first = text.first, first == UInt8(ascii: "-") || (0x30...0x39).contains(first), text.count <= 20
        else { return nil }
        return SignatureText.integer(String(decoding: text, as: UTF8.self))
    }
}

/// A PHP array: pairs in the order in which their keys came first.
struct PHPArray: Sendable {
    private(set) var pairs: [(key: PHPKey, value: PHPValue)] = []
    private var places: [PHPKey: Int] = [:]

    /// An array of an object's members: of a key that is there twice the last value counts, in the place of the first.
    init(members: [(key: [UInt8], value: PHPValue)]) {
        pairs.reserveCapacity(members.count)
        for member in members {
            let key = PHPKey(member.key)
            if let place = places[key] {
                pairs[place].value = member.value
            } else {
                places[key] = pairs.count
                pairs.append((key, member.value))
            }
        }
    }

    init(list: [PHPValue]) {
        pairs = list.enumerated().map { (.integer(Int64($0)), $1) }
    }

    /// Whether the keys are 0, 1, 2 … in this order: PHP then writes it as a JSON list, whatever it was read from.
    var isList: Bool {
        pairs.enumerated().allSatisfy { place, pair in pair.key == .integer(Int64(place)) }
    }

    /// The pairs in the order that PHP 8's `ksort` gives them.
    ///
    /// That order is not transitive for some keys that nobody uses (`9`, `1f`, `1e1`): what PHP makes of such a mixture
    /// depends on its sorting algorithm. Ours may then differ, and a signature that is right is refused.
    func sortedByKey() -> [(key: PHPKey, value: PHPValue)] {
        pairs.enumerated().sorted { left, right in
            let order = left.element.key.order(to: right.element.key)
            return order == 0 ? left.offset < right.offset : order < 0
        }.map(\.element)
    }
}
