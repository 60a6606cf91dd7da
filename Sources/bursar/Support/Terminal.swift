import Glibc

/// Standard output for what was asked, standard error for everything else.
enum Terminal {
    static func print(_ text: String) { write(text + "\n", to: 1) }

    static func complain(_ text: String) { write(text + "\n", to: 2) }

    /// Whether colours may be used on this descriptor (no-color.org).
    static func takesColour(_ descriptor: Int32) -> Bool {
        isatty(descriptor) == 1 && (getenv("NO_COLOR").map { $0.pointee == 0 } ?? true)
    }

    static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
                if count < 0 {
                    if errno == EINTR { continue }
                    return
                }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
    }
}

/// How far long work has come, on one line of standard error that rewrites itself; silent where nobody looks.
final class Progress {
    private let isShown: Bool
    private var lastShown: ContinuousClock.Instant?
    private var width = 0

    init(isWanted: Bool = true) {
        isShown = isWanted && isatty(2) == 1
    }

    deinit { clear() }

    /// Shows the text, ten times a second at most.
    func show(_ text: @autoclosure () -> String) {
        guard isShown else { return }
        let now = ContinuousClock.now
        if let lastShown, now - lastShown < .milliseconds(100) { return }
        lastShown = now
        let text = text()
        let blank = String(repeating: " ", count: max(0, width - text.count))
        Terminal.write("\r\(text)\(blank)", to: 2)
        width = text.count
    }

    /// Takes the line away.
    func clear() {
        guard isShown, width > 0 else { return }
        Terminal.write("\r\(String(repeating: " ", count: width))\r", to: 2)
        width = 0
    }
}

/// Rows in columns as wide as their widest cell.
struct TextTable {
    private var rows: [[String]]

    init(_ titles: [String]) { rows = [titles] }

    mutating func add(_ cells: [String]) { rows.append(cells) }

    var text: String {
        var widths: [Int] = []
        for row in rows {
            for (index, cell) in row.enumerated() {
                if index == widths.count { widths.append(0) }
                widths[index] = max(widths[index], cell.count)
            }
        }
        return rows.map { row in
            let cells = row.enumerated().map { index, cell in
                index == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[index] - cell.count)
            }
            return cells.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
