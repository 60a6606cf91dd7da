/// Makes lines of the bytes that a program writes, in whatever pieces they come.
///
/// What is not UTF-8 is shown with U+FFFD in its place. A line that never ends is let go in pieces, so that memory stays
/// bounded.
package struct LineSplitter: Sendable {
    private var rest: [UInt8] = []
    private let longest: Int

    package init(longest: Int = 65_536) { self.longest = longest }

    /// The lines that the bytes complete.
    package mutating func add(_ bytes: some Sequence<UInt8>) -> [String] {
        var lines: [String] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                lines.append(take())
            } else {
                if rest.count == longest { lines.append(take()) }
                rest.append(byte)
            }
        }
        return lines
    }

    /// What stands after the last line break; nil for nothing.
    package mutating func finish() -> String? { rest.isEmpty ? nil : take() }

    private mutating func take() -> String {
        if rest.last == UInt8(ascii: "\r") { rest.removeLast() }
        defer { rest.removeAll(keepingCapacity: true) }
        return String(decoding: rest, as: UTF8.self)
    }
}
