import Foundation
import KHQR
import Testing

/// Random codes against a decoder in Python, its CRC and its MD5.
@Suite("KHQR against an independent oracle", .enabled(if: Tool.hasPython, "python3 is not installed"))
struct KHQRPropertyTests {
    private struct Case: Encodable {
        let qr: String
        /// What the code must say, where it was made.
        var made: [String: [String: String]]?
        /// What this library read, where it did.
        var read: [String: [String: String]]?
        let md5: String?
        let isChecksumRight: Bool?
    }

    private func fields(of code: DecodedKHQR) -> [String: [String: String]] {
        Dictionary(
            uniqueKeysWithValues: code.objects.map { object in
                switch object.value {
                case .text(let text): (object.tag, ["": text])
                case .template(let inner):
                    (object.tag, Dictionary(uniqueKeysWithValues: inner.map { ($0.tag, $0.text) }))
                }
            }
        )
    }

    private func complaints(_ cases: [Case]) throws -> String {
        let encoder = JSONEncoder()
        let lines = try cases.map { String(decoding: try encoder.encode($0), as: UTF8.self) }
        return try Tool.python(Self.oracle, lines.joined(separator: "\n"))
    }

    @Test("A code says what went in, is read again as that, and has the checksum and the MD5 that Python finds")
    func roundTrip() throws {
        var random = SplitMix(seed: Tool.seed)
        let cases = try (0..<2_000).map { _ in
            let wanted = RandomDraft(&random)
            let made = try wanted.draft.code()
            let read = try DecodedKHQR(verifying: made.text, at: nil)
            #expect(fields(of: read).filter { $0.key != "63" } == wanted.fields, "seed \(Tool.seed)")
            return Case(
                qr: made.text,
                made: wanted.fields,
                read: fields(of: read),
                md5: made.md5,
                isChecksumRight: read.hasRightChecksum
            )
        }
        #expect(try complaints(cases) == "", "seed \(Tool.seed)")
    }

    @Test(
        "Whatever was changed in a code, it is read as Python reads it, or refused; what Python cannot read is refused"
    )
    func changed() throws {
        var random = SplitMix(seed: Tool.seed &+ 1)
        let cases = try (0..<4_000).map { _ in
            let text = Junk.changed(try RandomDraft(&random).draft.code().text, &random)
            let code = try? DecodedKHQR(text)
            return Case(
                qr: text,
                read: code.map(fields),
                md5: code?.code.md5,
                isChecksumRight: code?.hasRightChecksum
            )
        }
        #expect(cases.count { $0.read != nil } > 50, "seed \(Tool.seed)")
        #expect(try complaints(cases) == "", "seed \(Tool.seed)")
    }

    @Test("A code with one byte changed is refused, or its checksum is wrong")
    func flipped() throws {
        var random = SplitMix(seed: Tool.seed &+ 2)
        var read = 0
        for _ in 0..<2_000 {
            var bytes = Array(try RandomDraft(&random).draft.code().text.utf8)
            let place = Int.random(in: 0..<bytes.count, using: &random)
            let old = bytes[place]
            repeat { bytes[place] = UInt8.random(in: 0...255, using: &random) } while bytes[place] == old
            guard let text = String(validating: bytes, as: UTF8.self) else { continue }
            #expect(throws: KHQRError.self, "seed \(Tool.seed): \(text)") {
                try DecodedKHQR(verifying: text, at: nil)
            }
            guard let code = try? DecodedKHQR(text) else { continue }
            read += 1
            #expect(!code.hasRightChecksum, "seed \(Tool.seed): \(text)")
        }
        #expect(read > 100)
    }

    /// Reads each line's code by itself, and prints what it finds otherwise.
    private static let oracle = #"""
        import binascii, hashlib, json, sys

        def cut(units):
            found = {}
            while units:
                head = b"".join(units[:4]).decode("utf-16-le")
                if len(head) != 4 or not head.isascii() or not head.isdigit():
                    raise ValueError("no head")
                length = int(head[2:])
                value = units[4 : 4 + length]
                if len(value) < length or head[:2] in found:
                    raise ValueError("short or twice")
                b"".join(value).decode("utf-16-le")
                found[head[:2]] = value
                units = units[4 + length :]
            return found

        def text(units):
            return b"".join(units).decode("utf-16-le")

        def split(string):
            data = string.encode("utf-16-le")
            return [data[i : i + 2] for i in range(0, len(data), 2)]

        def read(qr):
            fields = {}
            for tag, value in cut(split(qr)).items():
                fields[tag] = {"": text(value)}
                number = int(tag)
                if 26 <= number <= 51 or number in (62, 64) or number >= 80:
                    try:
                        inner = {key: text(part) for key, part in cut(value).items()}
                        fields[tag] = inner if inner else fields[tag]
                    except ValueError:
                        pass
            return fields

        for line in sys.stdin:
            case = json.loads(line)
            qr, got = case["qr"], case.get("read")
            try:
                fields = read(qr)
            except ValueError:
                fields = None
            if fields is None and got is not None:
                print("it was read and is broken:", qr)
            if got is None:
                if case.get("made"):
                    print("it was not read:", qr)
                continue
            if got != fields:
                print("read as", got, "and it is", fields)
            made = case.get("made")
            if made and {tag: value for tag, value in fields.items() if tag != "63"} != made:
                print("made of", made, "and says", fields)
            if case["md5"] != hashlib.md5(qr.encode()).hexdigest():
                print("another md5:", qr)
            crc = "%04X" % binascii.crc_hqx(qr.encode()[:-4], 0xFFFF)
            if (crc == fields["63"][""]) != case["isChecksumRight"]:
                print("another checksum:", crc, qr)
        """#
}
