internal import CivilTime
internal import FoundationEssentials

/// A line of `bursar cron next --jsonl`.
private struct CronQuestion: Decodable {
    var expr: String
    var zone: String?
    var after: String?
    var dst: DSTPolicy?
}

/// Reads the usual line, an object of plain strings without escapes, many times faster than a decoder does.
///
/// Every other line is nil here and left to the decoder.
private struct PlainLineReader {
    private let bytes: [UInt8]
    private var position = 0

    static func question(_ line: String) -> CronQuestion? {
        var reader = PlainLineReader(bytes: Array(line.utf8))
        return reader.question()
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private mutating func question() -> CronQuestion? {
        var (expr, zone, after): (String?, String?, String?) = (nil, nil, nil)
        guard take("{") else { return nil }
        repeat {
            guard let name = string(), take(":"), let value = string() else { return nil }
            switch name {
            case "expr" where expr == nil: expr = value
            case "zone" where zone == nil: zone = value
            case "after" where after == nil: after = value
            default: return nil
            }
        } while take(",")
        guard take("}"), skipBlanks(), position == bytes.count, let expr else { return nil }
        return CronQuestion(expr: expr, zone: zone, after: after, dst: nil)
    }

    private mutating func string() -> String? {
        guard take("\"") else { return nil }
        let start = position
        while position < bytes.count, bytes[position] >= 0x20, bytes[position] != UInt8(ascii: "\\") {
            if bytes[position] == UInt8(ascii: "\"") {
                position += 1
                return String(decoding: bytes[start..<position - 1], as: UTF8.self)
            }
            position += 1
        }
        return nil
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard skipBlanks(), position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    /// Steps over blanks; true, so that it can stand in a condition.
    private mutating func skipBlanks() -> Bool {
        while position < bytes.count, bytes[position] == 0x20 || (9...13).contains(bytes[position]) { position += 1 }
        return true
    }
}

/// Fires in one answer.
private let firesPerLine = 8

/// Answers one line of `bursar cron next --jsonl`: `{"expr": …, "zone": …, "after": …}` becomes
/// `{"fires": [8 instants in UTC]}`, fewer where the calendar ends, or `{"error": …}`.
///
/// Without a zone it is UTC; `dst` may name a policy as in a schedule file.
package func cronNextJSONLine(_ line: String) -> String {
    do {
        let question =
            try PlainLineReader.question(line)
            ?? JSONDecoder().decode(CronQuestion.self, from: Data(line.utf8))
        let cron = try Cron(parsing: question.expr)
        let zone = try Zone(named: question.zone ?? "UTC")
        guard let text = question.after, let after = Instant(text) else {
            return answer(error: "\"after\" must be an instant with its offset, as 2026-01-01T00:00:00Z")
        }
        let fires = cron.fires(after: after, in: zone, dst: question.dst, count: firesPerLine)
        var answer = "{\"fires\":["
        answer.reserveCapacity(12 + 23 * fires.count)
        for (index, fire) in fires.enumerated() { answer += (index == 0 ? "\"" : ",\"") + fire.description + "\"" }
        return answer + "]}"
    } catch let error as CronError {
        return answer(error: error.description)
    } catch let error as ZoneError {
        return answer(error: error.description)
    } catch {
        return answer(error: "the line is no JSON object with \"expr\", \"zone\" and \"after\"")
    }
}

private func answer(error: String) -> String {
    var text = "{\"error\":\""
    for scalar in error.unicodeScalars {
        switch scalar {
        case "\"": text += "\\\""
        case "\\": text += "\\\\"
        case _ where scalar.value < 0x20:
            text += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
        default: text.unicodeScalars.append(scalar)
        }
    }
    return text + "\"}"
}
