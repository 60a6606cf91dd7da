/// What a mail server says to one command: RFC 5321, 4.2, with the status codes of RFC 3463.
package struct SMTPReply: Sendable, Hashable, CustomStringConvertible {
    /// From 200 to 599.
    package let code: Int
    /// Such as 5.1.1; nil where the server gives none.
    package let status: Status?
    /// Without the codes, several lines joined by a space.
    package let text: String
    /// The lines without their codes, for the reply to EHLO.
    let lines: [String]

    /// An enhanced status code.
    package struct Status: Sendable, Hashable, CustomStringConvertible {
        /// 2, 4 or 5.
        package let `class`: Int
        package let subject: Int
        package let detail: Int

        package init(_ class: Int, _ subject: Int, _ detail: Int) {
            self.class = `class`
            self.subject = subject
            self.detail = detail
        }

        package var description: String { "\(`class`).\(subject).\(detail)" }
    }

    package init(code: Int, status: Status? = nil, text: String = "") {
        self.code = code
        self.status = status
        self.text = text
        lines = [text]
    }

    /// Reads the lines of one reply, without their ends; nil where one is none.
    init?(lines raw: [Substring]) {
        var texts: [String] = []
        var code: Int?
        var status: Status?
        for line in raw {
            guard let number = Self.code(of: line), code == nil || code == number else { return nil }
            code = number
            var text = line.dropFirst(4)
            if let found = Status.leading(text), found.status.class == number / 100 {
                status = status ?? found.status
                text = found.rest
            }
            texts.append(String(text))
        }
        guard let code else { return nil }
        self.code = code
        self.status = status
        lines = texts
        text = texts.filter { !$0.isEmpty }.joined(separator: " ")
    }

    package var isPositive: Bool { (200..<300).contains(code) }
    /// The server waits for more: 334, 354.
    package var isIntermediate: Bool { (300..<400).contains(code) }
    package var isTransient: Bool { (400..<500).contains(code) }

    package var description: String {
        (["\(code)"] + (status.map { ["\($0)"] } ?? []) + (text.isEmpty ? [] : [text])).joined(separator: " ")
    }

    /// The three digits that a line begins with.
    static func code(of line: Substring) -> Int? {
        guard line.utf8.count >= 3, let code = Int(line.prefix(3)), (200..<600).contains(code) else { return nil }
        let next = line.dropFirst(3).first
        return next == nil || next == " " || next == "-" ? code : nil
    }
}

extension SMTPReply.Status {
    /// The status code that a text begins with, and what stands after it.
    fileprivate static func leading(_ text: Substring) -> (status: Self, rest: Substring)? {
        let word = text.prefix { $0 != " " }
        let parts = word.split(separator: ".", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { $0.utf8.count <= 3 ? UInt16($0) : nil }.map(Int.init)
        guard parts.count == 3, numbers.count == 3, [2, 4, 5].contains(numbers[0]) else { return nil }
        return (Self(numbers[0], numbers[1], numbers[2]), text.dropFirst(word.count).drop { $0 == " " })
    }
}
