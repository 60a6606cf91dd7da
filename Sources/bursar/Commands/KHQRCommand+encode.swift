import ArgumentParser
import CivilTime
import KHQR

extension KHQRCommand {
    /// A code from its fields.
    struct Encode: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "encode",
            abstract: "Make a KHQR.",
            discussion: """
                Without --amount the code is static, and its payer types the amount. With --jsonl the fields come from \
                standard input, one object a line with the names of the options below and underscores, times as \
                created_at_ms and expires_at_ms, and language: {code, name, city}; one answer a line goes out in the \
                same order: {"qr", "md5"} or {"error": {"code", "message"}}.
                """
        )

        @OptionGroup(title: "Fields") var fields: KHQRFields

        @Option(name: .long, help: ArgumentHelp("Write a picture as SVG.", valueName: "file"))
        var svg: String?

        @Option(name: .long, help: ArgumentHelp("Write a picture as PNG.", valueName: "file"))
        var png: String?

        @Option(name: .long, help: ArgumentHelp("Pixels of a module of a picture, 1 to 64.", valueName: "n"))
        var scale = 8

        @Option(name: .long, help: "How much of a picture may be lost: L, M, Q or H.")
        var correction = "M"

        @Flag(name: .long, help: "Overwrite files that are there.")
        var force = false

        @Flag(name: .long, help: "Make the codes that standard input asks for.")
        var jsonl = false

        @OptionGroup var options: GlobalOptions

        private struct Answer: Encodable {
            let qr: String
            let md5: String
            let md5Ascii: String?
        }

        func validate() throws {
            guard QRPicture.scales.contains(scale) else { throw ValidationError("--scale must be from 1 to 64") }
            guard QRPicture.Correction(rawValue: correction.uppercased()) != nil else {
                throw ValidationError("--correction must be L, M, Q or H")
            }
            guard jsonl else {
                guard fields.currency != nil else { throw ValidationError("give --currency KHR or --currency USD") }
                return
            }
            guard svg == nil, png == nil, !fields.isAnyGiven else {
                throw ValidationError("--jsonl takes no fields and makes no pictures")
            }
        }

        func run() async throws {
            if jsonl { return LineInput.answerEach { KHQRBatch.encoded($0, at: .now) } }
            let code = try fields.draft(at: .now).code()
            try draw(code)
            let answer = Answer(qr: code.text, md5: code.md5, md5Ascii: code.md5OfASCII)
            options.show(answer) { "\($0.qr)\nmd5 \($0.md5)" }
            guard !options.json, let other = code.md5OfASCII else { return }
            Terminal.complain("bursar: the text is not ASCII, and some readers look it up by md5 \(other): keep both")
        }

        private func draw(_ code: KHQRCode) throws {
            guard svg != nil || png != nil else { return }
            let picture = try QRPicture(
                of: code.text,
                correction: QRPicture.Correction(rawValue: correction.uppercased()) ?? .medium
            )
            if let svg { try NewFile.write(picture.svg(scale: scale), to: svg, force: force) }
            if let png { try NewFile.write(picture.png(scale: scale), to: png, force: force) }
        }
    }
}

/// The fields of a code on the command line.
struct KHQRFields: ParsableArguments {
    /// How long a code with an amount lives where nobody says: what NBC asks for.
    private static let usualLife = Duration.seconds(600)

    @Option(name: .long, help: "individual (tag 29) or merchant (tag 30); individual when not given.")
    var type: String?
    @Option(name: .long, help: "The Bakong account that is paid, name@bank.")
    var account: String?
    @Option(name: .long, help: "At most 25 characters.")
    var merchantName: String?
    @Option(name: .long, help: "At most 15 characters; Phnom Penh when not given.")
    var merchantCity: String?
    @Option(name: .long, help: "KHR or USD.")
    var currency: String?
    @Option(name: .long, help: "As 1500, or 12.50 in USD.")
    var amount: String?
    @Option(name: .customLong("merchant-id"), help: "The merchant's id at its bank; merchants need it.")
    var merchantID: String?
    @Option(name: .long, help: "The bank's name; merchants need it.")
    var acquiringBank: String?
    @Option(name: .long, help: "An individual's account or phone number at the bank.")
    var accountInformation: String?
    @Option(name: .customLong("unionpay-account"), help: "The UnionPay account, with KHR only.")
    var unionPayAccount: String?
    @Option(name: .long, help: "The payment's reference, at most 25 characters.")
    var billNumber: String?
    @Option(name: .long, help: "At most 25 characters.")
    var mobileNumber: String?
    @Option(name: .long, help: "At most 25 characters.")
    var storeLabel: String?
    @Option(name: .long, help: "At most 25 characters.")
    var terminalLabel: String?
    @Option(name: .long, help: "At most 25 characters.")
    var purpose: String?
    @Option(name: .long, help: "The language of the two names below, two letters.")
    var language: String?
    @Option(name: .long, help: "The merchant's name in that language, at most 25 characters.")
    var languageName: String?
    @Option(name: .long, help: "The city in that language, at most 15 characters.")
    var languageCity: String?
    @Option(name: .long, help: "The merchant's category, four digits; 5999 when not given.")
    var mcc: String?
    @Option(name: .long, help: ArgumentHelp("When the code is made (RFC 3339); now when not given.", valueName: "t"))
    var createdAt: String?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "When a code with an amount ends (RFC 3339); ten minutes later when not given.",
            valueName: "t"
        )
    )
    var expiresAt: String?

    var isAnyGiven: Bool {
        let all = [
            type, account, merchantName, merchantCity, currency, amount, merchantID, acquiringBank, accountInformation,
            unionPayAccount, billNumber, mobileNumber, storeLabel, terminalLabel, purpose, language, languageName,
            languageCity, mcc, createdAt, expiresAt,
        ]
        return all.contains { $0 != nil }
    }

    func draft(at now: Instant) throws(CommandFailure) -> KHQRDraft {
        var draft = KHQRDraft()
        draft.type = type ?? draft.type
        draft.account = account
        draft.merchantName = merchantName
        draft.merchantCity = merchantCity ?? draft.merchantCity
        draft.currency = currency
        draft.amount = amount
        (draft.merchantID, draft.acquiringBank) = (merchantID, acquiringBank)
        (draft.accountInformation, draft.unionPayAccount) = (accountInformation, unionPayAccount)
        (draft.billNumber, draft.mobileNumber) = (billNumber, mobileNumber)
        (draft.storeLabel, draft.terminalLabel, draft.purpose) = (storeLabel, terminalLabel, purpose)
        (draft.language, draft.alternateName, draft.alternateCity) = (language, languageName, languageCity)
        draft.category = mcc ?? draft.category
        let created = try Instant.argument(createdAt, named: "--created-at") ?? now
        let expires = try Instant.argument(expiresAt, named: "--expires-at") ?? created.adding(Self.usualLife)
        draft.created = "\(created.milliseconds)"
        draft.expires = "\(expires.milliseconds)"
        return draft
    }
}
