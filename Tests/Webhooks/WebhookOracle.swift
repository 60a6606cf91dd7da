import Foundation

/// Programs that share no code with this room, and give their answers for many cases at once.
enum WebhookOracle {
    /// The seed of this run's random cases: `BURSAR_TEST_SEED`, or a new one.
    ///
    /// Every failure prints it.
    static let seed: UInt64 = {
        let given = ProcessInfo.processInfo.environment["BURSAR_TEST_SEED"].flatMap(UInt64.init)
        let seed = given ?? UInt64.random(in: 0...999_999_999)
        print("BURSAR_TEST_SEED=\(seed) (signatures of webhooks)")
        return seed
    }()

    static let hasPython: Bool = (try? python("print(1)", input: [])) == ["1"]
    static let hasOpenSSL: Bool = (try? run(["openssl", "version"], input: "")) != nil

    /// The lines that a Python program prints; the input's lines are its standard input.
    static func python(_ program: String, input: [String]) throws -> [String] {
        try run(["python3", "-c", program], input: input.joined(separator: "\n"))
    }

    /// The lines that a program prints.
    static func run(_ command: [String], input: String) throws -> [String] {
        let folder = FileManager.default.temporaryDirectory.appending(path: "bursar-oracle-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (inputFile, outputFile) = (folder.appending(path: "in"), folder.appending(path: "out"))
        try Data(input.utf8).write(to: inputFile)
        try Data().write(to: outputFile)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command
        process.currentDirectoryURL = folder
        process.standardInput = try FileHandle(forReadingFrom: inputFile)
        process.standardOutput = try FileHandle(forWritingTo: outputFile)
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(status: process.terminationStatus) }
        let text = try String(contentsOf: outputFile, encoding: .utf8)
        return text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init).dropLast()
    }

    struct Failure: Error {
        let status: Int32
    }

    /// PHP's reading, sorting and printing once more, in Python: `base(TEXT)` is what PayWay signs.
    ///
    /// It knows keys that are whole numbers, and others that do not begin like a number.
    static let php = """
        import base64, functools, hashlib, hmac, json, math, re, sys

        def key(text):
            canonical = re.fullmatch(r'0|-?[1-9][0-9]*', text) and -2**63 <= int(text) < 2**63
            return int(text) if canonical else text

        class Array(dict):
            pass

        def pairs(items):
            array = Array()
            for name, value in items:
                array[key(name)] = value
            return array

        def whole(text):
            number = int(text)
            return number if -2**63 <= number < 2**63 else float(text)

        def lay_out(value, digits, point, limit, letter):
            sign = '-' if math.copysign(1, value) < 0 else ''
            if point > limit or point < -3:
                power = point - 1
                return '%s%s.%s%s%s%d' % (sign, digits[0], digits[1:] or '0', letter, '-' if power < 0 else '+', abs(power))
            if point <= 0:
                return sign + '0.' + '0' * -point + digits
            padded = digits.ljust(point, '0')
            return sign + padded[:point] + ('.' + padded[point:] if padded[point:] else '')

        def scientific(text):
            mantissa, exponent = text.split('e')
            digits = mantissa.replace('.', '').rstrip('0')
            return (digits, int(exponent) + 1) if digits else ('0', 1)

        def shortest(value):
            for count in range(17):
                text = '%.*e' % (count, value)
                if float(text) == value:
                    return scientific(text)

        def echo(value):
            if value is None or value is False: return ''
            if value is True: return '1'
            if isinstance(value, int): return str(value)
            if isinstance(value, str): return value
            if isinstance(value, float):
                if math.isinf(value): return 'INF' if value > 0 else '-INF'
                return lay_out(value, *scientific('%.13e' % abs(value)), 14, 'E')
            try:
                return encode(value)
            except OverflowError:
                return ''

        def encode(value):
            if value is None: return 'null'
            if value is True or value is False: return str(value).lower()
            if isinstance(value, int): return str(value)
            if isinstance(value, str): return json.dumps(value).replace('/', '\\\\/').replace('\\\\u007f', chr(127))
            if isinstance(value, float):
                if math.isinf(value): raise OverflowError
                return lay_out(value, *shortest(abs(value)), 17, 'e')
            if isinstance(value, Array) and list(value) != list(range(len(value))):
                return '{' + ','.join(encode(str(name)) + ':' + encode(item) for name, item in value.items()) + '}'
            return '[' + ','.join(map(encode, value.values() if isinstance(value, Array) else value)) + ']'

        def compare(left, right):
            if isinstance(left, int) != isinstance(right, int):
                left, right = str(left), str(right)
            if isinstance(left, str):
                left, right = left.encode(), right.encode()
            return (left > right) - (left < right)

        def base(text):
            value = json.loads(text, object_pairs_hook=pairs, parse_int=whole)
            return ''.join(echo(value[name]) for name in sorted(value, key=functools.cmp_to_key(compare)))


        """
}

/// A small generator that a seed determines.
struct WebhookRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Up to so many bytes of any value.
    mutating func bytes(upTo most: Int) -> [UInt8] {
        let count = Int.random(in: 0...most, using: &self)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
    }

    /// A JSON object as a sender may write one, with everything on which printers differ.
    mutating func object(depth: Int = 0) -> String {
        let members = (0..<Int.random(in: 0...5, using: &self)).map { _ in
            "\(key()):\(value(depth: depth))"
        }
        return "{" + members.joined(separator: ", ") + "}"
    }

    private mutating func value(depth: Int) -> String {
        switch Int.random(in: 0...(depth > 3 ? 7 : 9), using: &self) {
        case 0: return ["null", "true", "false"].randomElement(using: &self) ?? "null"
        case 1: return "\(Int64.random(in: .min ... .max, using: &self) >> Int64.random(in: 0...60, using: &self))"
        case 2: return "\(Int64.random(in: 1...9, using: &self))" + digits(Int.random(in: 17...25, using: &self))
        case 3: return "\(Double(bitPattern: next() & 0xBFFF_FFFF_FFFF_FFFF))".replacing("nan", with: "0.5")
        case 4:
            let count = Int.random(in: 0...30, using: &self) == 0 ? 1_500 : Int.random(in: 1...20, using: &self)
            return "\(Int.random(in: -999...999, using: &self)).\(digits(count))"
        case 5: return "\(Int.random(in: 1...9, using: &self))e\(Int.random(in: -330...330, using: &self))"
        case 6, 7: return text()
        case 8: return object(depth: depth + 1)
        default:
            let elements = (0..<Int.random(in: 0...4, using: &self)).map { _ in value(depth: depth + 1) }
            return "[" + elements.joined(separator: ",") + "]"
        }
    }

    private mutating func digits(_ count: Int) -> String {
        (0..<count).map { _ in "\(Int.random(in: 0...9, using: &self))" }.joined()
    }

    private mutating func key() -> String {
        switch Int.random(in: 0...3, using: &self) {
        case 0: "\"\(Int.random(in: -3...3, using: &self))\""
        case 1: "\"\(Int64.random(in: .min ... .max, using: &self))\""
        case 2: "\"" + (["a", "b", "A", "tran_id", "tran", "", "ក", "é"].randomElement(using: &self) ?? "") + "\""
        default: text(start: "k")
        }
    }

    private mutating func text(start: String = "") -> String {
        let pieces = [
            "a", "/", #"\/"#, #"\""#, #"\\"#, "ក", "é", "😀", #"\u1780"#, #"\ud83d\ude00"#, #"\u0000"#, #"\n"#, #"\b"#,
            "<",
            "\u{7F}", " ", "\u{2028}",
        ]
        let parts = (0..<Int.random(in: 0...6, using: &self)).map { _ in pieces.randomElement(using: &self) ?? "" }
        return "\"" + start + parts.joined() + "\""
    }
}
