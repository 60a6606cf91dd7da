import Glibc

/// Standard input by lines, in memory that does not grow with it.
struct LineInput {
    /// What came between two line breaks.
    enum Line: Equatable {
        case text(String)
        /// Longer than a line may be; it was let go.
        case tooLong
        case notUTF8
    }

    private let descriptor: Int32
    private let longest: Int
    private var rest: [UInt8] = []
    private var isTooLong = false

    init(descriptor: Int32 = 0, longest: Int = 1 << 20) {
        self.descriptor = descriptor
        self.longest = longest
    }

    /// The lines that one read completes, so that whoever asks line by line is answered line by line; nil at the end.
    mutating func next() -> [Line]? {
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        var count = Glibc.read(descriptor, &piece, piece.count)
        while count < 0, errno == EINTR { count = Glibc.read(descriptor, &piece, piece.count) }
        guard count > 0 else {
            defer { (rest, isTooLong) = ([], false) }
            return rest.isEmpty && !isTooLong ? nil : [line()]
        }
        var lines: [Line] = []
        var bytes = piece[..<count]
        while let end = bytes.firstIndex(of: UInt8(ascii: "\n")) {
            keep(bytes[..<end])
            lines.append(line())
            (rest, isTooLong) = ([], false)
            bytes = bytes[(end + 1)...]
        }
        keep(bytes)
        return lines
    }

    private mutating func keep(_ bytes: ArraySlice<UInt8>) {
        isTooLong = isTooLong || rest.count + bytes.count > longest
        if isTooLong { rest = [] } else { rest += bytes }
    }

    private func line() -> Line {
        if isTooLong { return .tooLong }
        return String(validating: rest, as: UTF8.self).map(Line.text) ?? .notUTF8
    }

    /// Answers every line with one line, in order, as soon as it was read.
    static func answerEach(_ answer: (Line) -> String) {
        var input = LineInput()
        while let lines = input.next() {
            var answers = ""
            for line in lines { answers += answer(line) + "\n" }
            Terminal.write(answers, to: 1)
        }
    }
}
