import ArgumentParser
import CivilTime
import FoundationEssentials
import KHQR

/// QR codes of Bakong payments, made and read.
struct KHQRCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "khqr",
        abstract: "Make and read KHQR codes.",
        subcommands: [Encode.self, Decode.self]
    )

    /// What a code says.
    struct Decode: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "decode",
            abstract: "Show what a KHQR says.",
            discussion: """
                Ends with 1 where the checksum is wrong, and with 65 for what is no KHQR. With --jsonl one code a line \
                comes from standard input, {"qr"}, and one answer a line goes out in the same order: {"fields", \
                "md5", "crc_ok"} or {"error": {"code", "message"}}.
                """
        )

        @Argument(help: ArgumentHelp("The code's text.", valueName: "text"))
        var text: String?

        @Flag(name: .long, help: "Refuse what the official verifiers refuse: checksum, account, amount, end.")
        var verify = false

        @Option(
            name: .long,
            help: ArgumentHelp(
                "With --verify, the time for which a code must not have ended; now when not given.",
                valueName: "t"
            )
        )
        var at: String?

        @Flag(name: .long, help: "Answer the codes on standard input.")
        var jsonl = false

        @OptionGroup var options: GlobalOptions

        func validate() throws {
            guard jsonl == (text == nil) else {
                throw ValidationError(jsonl ? "--jsonl takes no text" : "give the text of a code, or --jsonl")
            }
        }

        func run() async throws {
            let now = try Instant.argument(at, named: "--at") ?? .now
            guard let text else {
                return LineInput.answerEach { KHQRBatch.decoded($0, isVerifying: verify, at: now) }
            }
            let code = verify ? try DecodedKHQR(verifying: text, at: now) : try DecodedKHQR(text)
            options.show(KHQRAnswer(code, at: now), \.table)
            if !code.hasRightChecksum {
                Terminal.complain("bursar: the checksum is wrong; \(code.expectedChecksum) would be right")
                throw ExitCode(ExitStatus.finding.rawValue)
            }
        }
    }
}

/// What `bursar khqr decode` answers.
private struct KHQRAnswer: Encodable {
    let fields: [String: KHQRFieldValue]
    let md5: String
    /// Where the text is not ASCII, the key that some of NBC's samples look up.
    let md5Ascii: String?
    let crcOk: Bool
    /// What the official verifiers would say against it.
    let objection: String?
    private let rows: [[String]]

    private enum CodingKeys: CodingKey {
        case fields, md5, md5Ascii, crcOk, objection
    }

    init(_ code: DecodedKHQR, at now: Instant) {
        fields = Dictionary(code.objects.map { ($0.tag, KHQRFieldValue(value: $0.value)) }) { first, _ in first }
        md5 = code.code.md5
        md5Ascii = code.code.md5OfASCII
        crcOk = code.hasRightChecksum
        objection = code.objection(at: now)?.description
        rows = code.objects.flatMap { object in
            switch object.value {
            case .text(let text): [[object.tag, KHQRNames.name(of: object.tag), text]]
            case .template(let inner):
                inner.map { ["\(object.tag).\($0.tag)", KHQRNames.name(of: object.tag, $0.tag), $0.text] }
            }
        }
    }

    var table: String {
        var table = TextTable(["TAG", "FIELD", "VALUE"])
        for row in rows { table.add(row.map(Self.printable)) }
        var lines = [table.text, "", "md5       \(md5)"]
        if let md5Ascii { lines.append("           or \(md5Ascii), by the ASCII form that some readers take") }
        lines.append("checksum  \(crcOk ? "right" : "wrong")")
        if let objection { lines.append("verifiers \(Self.printable(objection))") }
        return lines.joined(separator: "\n")
    }

    /// A code is somebody else's text: nothing in it may steer the terminal.
    private static func printable(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars {
            if scalar.properties.generalCategory == .control {
                shown += scalar.escaped(asASCII: true)
            } else {
                shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }
}

private struct KHQRFieldValue: Encodable {
    let value: DecodedKHQR.Value

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch value {
        case .text(let text): try container.encode(text)
        case .template(let fields):
            try container.encode(Dictionary(fields.map { ($0.tag, $0.text) }) { first, _ in first })
        }
    }
}

/// What the tags are called.
private enum KHQRNames {
    static func name(of tag: String, _ inner: String = "") -> String { names[tag + inner] ?? names[tag] ?? "other" }

    private static let names = [
        "00": "format", "01": "point of initiation", "15": "UnionPay account", "29": "receiver", "2900": "account",
        "2901": "account information", "2902": "acquiring bank", "30": "receiver", "3000": "account",
        "3001": "merchant id", "3002": "acquiring bank", "52": "category", "53": "currency", "54": "amount",
        "58": "country", "59": "merchant name", "60": "merchant city", "61": "postal code", "62": "additional data",
        "6201": "bill number", "6202": "mobile number", "6203": "store label", "6207": "terminal label",
        "6208": "purpose", "63": "checksum", "64": "other language", "6400": "language", "6401": "merchant name",
        "6402": "merchant city", "99": "times", "9900": "created (ms)", "9901": "expires (ms)",
    ]
}
