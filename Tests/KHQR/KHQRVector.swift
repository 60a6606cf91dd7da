import Foundation
import KHQR
import Testing

/// A row of `Tests/Vectors/khqr.jsonl`: what other programs make of an input, with remarks where they are wrong.
///
/// `bakong-khqr` and `konthaina-khqr` are packages of PyPI, `bakong-khqr-php` is a port of the official SDK, `nbc` rows
/// stand in NBC's documentation. A `qr` row's decoded tags were found by a decoder of its own.
struct KHQRVector: CustomTestStringConvertible, Sendable {
    let id: String
    let kind: String
    let input: [String: JSON]
    let inputText: String
    let clock: Int64?
    let qr: String
    let md5: String
    let md5OfASCII: String?
    let isChecksumRight: Bool
    let expectedChecksum: String
    let decoded: [String: JSON]
    let isBroken: Bool
    let lint: [String]
    /// What the official SDK does instead: an error's code, or the value of a tag.
    let official: [String: JSON]

    var testDescription: String { id }

    /// The error that the official SDK answers to the input.
    var officialError: Int? { if case .number(let code)? = official["error"] { Int(code) } else { nil } }

    static let all: [KHQRVector] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Vectors/khqr.jsonl")
        guard let text = try? String(contentsOf: file.standardized, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").compactMap(KHQRVector.init)
    }()

    static let codes = all.filter { $0.kind == "qr" }

    private init?(line: Substring) {
        guard case .object(let row)? = try? JSONDecoder().decode(JSON.self, from: Data(line.utf8)) else { return nil }
        id = row["id"]?.text ?? ""
        kind = row["kind"]?.text ?? ""
        input = row["input"]?.object ?? [:]
        inputText = row["input"]?.text ?? ""
        clock = row["clock_ms"]?.text.flatMap { Int64($0) }
        qr = row["qr"]?.text ?? ""
        md5 = row["md5"]?.text ?? ""
        md5OfASCII = row["md5_ascii_question_mark"]?.text
        isChecksumRight = row["crc_ok"] == .flag(true)
        expectedChecksum = row["crc_independent"]?.text ?? ""
        decoded = row["decoded"]?.object ?? [:]
        isBroken = row["decode_error"]?.text != nil
        if case .list(let remarks)? = row["lint"] { lint = remarks.compactMap(\.text) } else { lint = [] }
        official = row["official_sdk"]?.object ?? [:]
    }

    /// A JSON value; numbers as decimals.
    enum JSON: Decodable, Equatable, Sendable {
        case null
        case flag(Bool)
        case number(String)
        case string(String)
        case list([JSON])
        case object([String: JSON])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                self = .null
            } else if let value = try? container.decode(Bool.self) {
                self = .flag(value)
            } else if let value = try? container.decode(Decimal.self) {
                self = .number("\(value)")
            } else if let value = try? container.decode(String.self) {
                self = .string(value)
            } else if let value = try? container.decode([JSON].self) {
                self = .list(value)
            } else {
                self = .object(try container.decode([String: JSON].self))
            }
        }

        var text: String? {
            switch self {
            case .string(let text), .number(let text): text
            default: nil
            }
        }

        var object: [String: JSON]? { if case .object(let members) = self { members } else { nil } }
    }
}

extension DecodedKHQR {
    /// The objects as the vectors have them.
    var asJSON: [String: KHQRVector.JSON] {
        Dictionary(
            uniqueKeysWithValues: objects.map { object in
                switch object.value {
                case .text(let text): (object.tag, .string(text))
                case .template(let fields):
                    (object.tag, .object(Dictionary(uniqueKeysWithValues: fields.map { ($0.tag, .string($0.text)) })))
                }
            }
        )
    }
}
