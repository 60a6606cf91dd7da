import CivilTime
import FoundationEssentials
import KHQR

/// The batch forms of `bursar khqr`: one JSON object a line in, one out.
enum KHQRBatch {
    /// A line that is none: the official codes have no number for that.
    struct Unreadable: Error {
        let message: String

        init(_ message: String) { self.message = message }
    }

    /// `{"qr": …}` becomes `{"fields": {tag: text or {tag: text}}, "md5": …, "crc_ok": …}` or an error.
    ///
    /// With `isVerifying` what the official verifiers refuse is an error too.
    static func decoded(_ line: LineInput.Line, isVerifying: Bool, at now: Instant?) -> String {
        answer {
            struct Question: Decodable { let qr: String }
            let qr = try read(Question.self, of: line, "{\"qr\": TEXT}").qr
            let code = isVerifying ? try DecodedKHQR(verifying: qr, at: now) : try DecodedKHQR(qr)
            let fields = code.objects.map { quoted($0.tag) + ":" + text(of: $0.value) }.joined(separator: ",")
            return "{\"fields\":{\(fields)},\"md5\":\"\(code.code.md5)\",\"crc_ok\":\(code.hasRightChecksum)}"
        }
    }

    /// The fields of a code become `{"qr": …, "md5": …}` or an error; a code made now says so.
    static func encoded(_ line: LineInput.Line, at now: Instant) -> String {
        answer {
            var draft = try read(KHQRQuestion.self, of: line, "an object of a code's fields").draft
            draft.created = draft.created ?? "\(now.milliseconds)"
            let code = try draft.code()
            return "{\"qr\":\(quoted(code.text)),\"md5\":\"\(code.md5)\"}"
        }
    }

    private static func text(of value: DecodedKHQR.Value) -> String {
        switch value {
        case .text(let text): quoted(text)
        case .template(let fields):
            "{" + fields.map { quoted($0.tag) + ":" + quoted($0.text) }.joined(separator: ",") + "}"
        }
    }

    private static func answer(_ body: () throws -> String) -> String {
        do {
            return try body()
        } catch let error as KHQRError {
            return "{\"error\":{\"code\":\(error.code.rawValue),\"message\":\(quoted(error.message))}}"
        } catch {
            let message = (error as? Unreadable)?.message ?? "\(error)"
            return "{\"error\":{\"code\":null,\"message\":\(quoted(message))}}"
        }
    }

    private static func read<Question: Decodable>(
        _ type: Question.Type,
        of line: LineInput.Line,
        _ form: String
    ) throws -> Question {
        switch line {
        case .tooLong: throw Unreadable("the line is longer than 1 MiB")
        case .notUTF8: throw Unreadable("the line is not UTF-8")
        case .text(let text):
            do {
                return try JSONDecoder().decode(type, from: Data(text.utf8))
            } catch let error as Unreadable {
                throw error
            } catch {
                throw Unreadable("the line is not \(form) in JSON")
            }
        }
    }

    /// A text as JSON has it.
    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case _ where scalar.value < 0x20:
                quoted += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
