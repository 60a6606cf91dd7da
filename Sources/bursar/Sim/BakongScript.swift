import Yams

/// What a simulated Bakong and its gateway do wrong, how often, and by which dice.
///
/// The same seed and the same payments make the same misbehaviour, in whatever order they come.
struct BakongScript: Sendable, Equatable {
    /// Something that can go wrong; its rate is from 0 (never) to 1 (always).
    enum Fault: String, CaseIterable, Sendable {
        // Of a payment, decided by its md5.
        /// The gateway never tells of it.
        case callbackLost = "callback_lost"
        /// The gateway tells of it when it is released, or after `late_ms`.
        case callbackLate = "callback_late"
        case callbackDoubled = "callback_doubled"
        /// Changed after it was signed.
        case callbackTampered = "callback_tampered"
        /// Another amount than was paid, rightly signed.
        case callbackAltered = "callback_altered"
        /// The customer pays the QR a second time; the md5 shows the first alone.
        case paidTwice = "paid_twice"
        /// The receiving bank sends it back, when refunds are let happen.
        case refunded
        /// The md5 does not find it, only the hash.
        case hashOnly = "hash_only"
        /// The first three lookups do not find it.
        case foundLate = "found_late"
        /// The customer pays one unit more than the QR says.
        case paysOtherAmount = "pays_other_amount"
        case fractionalTimes = "fractional_times"
        case amountAsText = "amount_as_text"

        // Of a call, decided by its number.
        /// 403 with a page in HTML.
        case forbidden
        /// 429 with Retry-After.
        case rateLimited = "rate_limited"
        /// 502 with a page in HTML.
        case serverError = "server_error"
        /// Worked, and answered only after the caller has gone.
        case timeoutAfter = "timeout_after"
        /// 200 with text.
        case notJSON = "not_json"
        case md5ListClosed = "md5_list_closed"
        case hashListClosed = "hash_list_closed"
        case listOmits = "list_omits"
        case listShuffled = "list_shuffled"
        /// Batch items say `transaction` and not `data`.
        case listNamesTransaction = "list_names_transaction"
        /// Batch items are the transaction.
        case listFlat = "list_flat"
    }

    /// A number of the script.
    enum Number: String, CaseIterable, Sendable {
        case seed
        /// How long `timeout_after` takes.
        case hang = "hang_ms"
        case retryAfter = "retry_after_s"
        /// 0: late callbacks wait until they are released.
        case late = "late_ms"
        /// How often an undelivered callback is tried again, and the first pause, which doubles.
        case retries
        case retryPause = "retry_ms"
        /// The life of a token.
        case tokenDays = "token_days"
        /// Added to the machine's clock.
        case clockOffset = "clock_offset_ms"

        var preset: Int {
            switch self {
            case .seed: 1
            case .hang: 20_000
            case .retryAfter: 1
            case .late: 0
            case .retries: 8
            case .retryPause: 200
            case .tokenDays: 90
            case .clockOffset: 0
            }
        }
    }

    private(set) var rates: [Fault: Double] = [:]
    private(set) var numbers: [Number: Int] = [:]

    init() {}

    /// Reads YAML or JSON: one mapping of names to numbers.
    /// - Throws: a name that is none, a number out of range.
    init(_ text: String) throws(CommandFailure) {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw CommandFailure(.badData, "the script is neither YAML nor JSON: \(error)")
        }
        guard let root else { return }
        guard let mapping = root.mapping else {
            throw CommandFailure(.badData, "the script is no mapping of names to numbers")
        }
        for (name, value) in mapping { try set(name.string ?? "", to: value.scalar?.string ?? "") }
    }

    subscript(fault: Fault) -> Double {
        get { rates[fault] ?? 0 }
        set { rates[fault] = newValue }
    }

    subscript(number: Number) -> Int {
        get { numbers[number] ?? number.preset }
        set { numbers[number] = newValue }
    }

    /// Sets one thing by its name.
    mutating func set(_ name: String, to text: String) throws(CommandFailure) {
        if let fault = Fault(rawValue: name) {
            guard let rate = Double(text), (0...1).contains(rate) else {
                throw CommandFailure(.badData, "\(name) is a rate from 0 to 1, not '\(text)'")
            }
            rates[fault] = rate
        } else if let number = Number(rawValue: name) {
            guard let value = Int(text), value >= 0 || number == .clockOffset else {
                throw CommandFailure(.badData, "\(name) is a whole number, not '\(text)'")
            }
            numbers[number] = value
        } else {
            let known = Fault.allCases.map(\.rawValue) + Number.allCases.map(\.rawValue)
            throw CommandFailure(
                .badData,
                "there is no '\(name)' in a script",
                remedy: "one of: \(known.joined(separator: ", "))"
            )
        }
    }

    /// Everything that is set, as JSON.
    var json: String {
        let members =
            rates.map { ($0.key.rawValue, "\($0.value)") }
            + Number.allCases.map { ($0.rawValue, "\(self[$0])") }
        return SimJSON.object(members.sorted { $0.0 < $1.0 })
    }

    /// Whether a fault strikes: the same for the same seed, fault and key.
    func strikes(_ fault: Fault, _ key: String) -> Bool {
        let rate = self[fault]
        return rate > 0 && SimDice.fraction(seed: self[.seed], "\(fault.rawValue)/\(key)") < rate
    }
}

/// Numbers that look random and come again.
enum SimDice {
    /// From 0 to below 1.
    static func fraction(seed: Int, _ text: String) -> Double {
        Double(number(seed: seed, text) >> 11) / Double(1 << 53)
    }

    static func number(seed: Int, _ text: String) -> UInt64 {
        // FNV-1a over the text, then SplitMix64's last steps.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ UInt64(bitPattern: Int64(seed)) &* 0x9E37_79B9_7F4A_7C15
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
        return hash ^ (hash >> 31)
    }

    /// So many hexadecimal digits.
    static func hexadecimal(_ digits: Int, seed: Int, _ text: String) -> String {
        var result = ""
        var part = 0
        while result.count < digits {
            let piece = String(number(seed: seed, "\(text)/\(part)"), radix: 16)
            result += String(repeating: "0", count: 16 - piece.count) + piece
            part += 1
        }
        return String(result.prefix(digits))
    }
}

/// JSON whose numbers are written as told.
enum SimJSON {
    static func object(_ members: [(String, String)]) -> String {
        "{" + members.map { text($0.0) + ":" + $0.1 }.joined(separator: ",") + "}"
    }

    static func list(_ values: [String]) -> String { "[" + values.joined(separator: ",") + "]" }

    static func text(_ text: String?) -> String {
        guard let text else { return "null" }
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\u{0}"..<"\u{20}": result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
