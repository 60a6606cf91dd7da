import FoundationEssentials
import KHQR
import Schedules

/// A line of `bursar khqr encode --jsonl`.
///
/// Names are compared without case and underscores, and those of the official SDK count too. A name that is nearly one of
/// them is refused; others are let be, so that a line may carry what its writer needs to know it again.
struct KHQRQuestion: Decodable {
    let draft: KHQRDraft

    init(from decoder: any Decoder) throws {
        let line = try decoder.container(keyedBy: Name.self)
        var draft = KHQRDraft()
        var seen: [Field: String] = [:]
        for name in line.allKeys {
            guard let field = try Self.field(name) else { continue }
            if let other = seen.updateValue(name.stringValue, forKey: field) {
                throw KHQRBatch.Unreadable("\"\(other)\" and \"\(name.stringValue)\" are one field")
            }
            try Self.put(line, name, into: &draft, as: field)
        }
        self.draft = draft
    }

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }

        init?(intValue: Int) { nil }
    }

    /// The fields, by their names without case and underscores.
    private enum Field: String, CaseIterable {
        case type, account, currency, amount, language, purpose, mcc
        case merchantName = "merchantname"
        case merchantCity = "merchantcity"
        case merchantID = "merchantid"
        case acquiringBank = "acquiringbank"
        case accountInformation = "accountinformation"
        case unionPayAccount = "unionpayaccount"
        case billNumber = "billnumber"
        case mobileNumber = "mobilenumber"
        case storeLabel = "storelabel"
        case terminalLabel = "terminallabel"
        case alternateName = "merchantnamealternatelanguage"
        case alternateCity = "merchantcityalternatelanguage"
        case created = "createdatms"
        case expires = "expiresatms"

        /// Where the text goes; nil where there is more to it.
        var place: WritableKeyPath<KHQRDraft, String?>? {
            switch self {
            case .account: \.account
            case .merchantName: \.merchantName
            case .merchantID: \.merchantID
            case .acquiringBank: \.acquiringBank
            case .accountInformation: \.accountInformation
            case .unionPayAccount: \.unionPayAccount
            case .billNumber: \.billNumber
            case .mobileNumber: \.mobileNumber
            case .storeLabel: \.storeLabel
            case .terminalLabel: \.terminalLabel
            case .purpose: \.purpose
            case .alternateName: \.alternateName
            case .alternateCity: \.alternateCity
            case .created: \.created
            case .expires: \.expires
            case .type, .merchantCity, .currency, .amount, .language, .mcc: nil
            }
        }
    }

    /// Other names, of the official SDK and its ports.
    private static let otherNames: [String: Field] = [
        "accountid": .account, "bakongaccountid": .account, "upimerchantaccount": .unionPayAccount,
        "phonenumber": .mobileNumber, "purposeoftransaction": .purpose, "languagepreference": .language,
        "merchantnamealternate": .alternateName, "merchantcityalternate": .alternateCity,
        "merchantcategorycode": .mcc, "creationtimestamp": .created, "expirationtimestamp": .expires,
    ]

    /// - Throws: `Unreadable` for a name that somebody has mistyped.
    private static func field(_ name: Name) throws -> Field? {
        let folded = name.stringValue.lowercased().filter { $0 != "_" }
        if let field = Field(rawValue: folded) ?? otherNames[folded] { return field }
        let known = Field.allCases.map(\.rawValue) + otherNames.keys.sorted()
        let meant = known.first { Spelling.distance(folded, $0) <= 2 }
        guard folded.utf8.count > 4, let meant else { return nil }
        throw KHQRBatch.Unreadable("unknown field \"\(name.stringValue)\"; did you mean \"\(meant)\"?")
    }

    private static func put(
        _ line: KeyedDecodingContainer<Name>,
        _ name: Name,
        into draft: inout KHQRDraft,
        as field: Field
    ) throws {
        if let place = field.place {
            draft[keyPath: place] = try text(line, name)
            return
        }
        switch field {
        case .type: draft.type = try text(line, name) ?? draft.type
        case .merchantCity: draft.merchantCity = try text(line, name) ?? draft.merchantCity
        case .mcc: draft.category = try text(line, name) ?? draft.category
        case .currency: draft.currency = try currency(line, name)
        case .amount:
            // What is no number at all is no amount either, and gets the code for that.
            guard try !line.decodeNil(forKey: name) else { return }
            draft.amount = (try? text(line, name)) ?? "?"
        default:
            guard let names = try? line.nestedContainer(keyedBy: Name.self, forKey: name) else {
                draft.language = try text(line, name)
                return
            }
            draft.language = try textIfThere(names, "code")
            draft.alternateName = try textIfThere(names, "name")
            draft.alternateCity = try textIfThere(names, "city")
        }
    }

    private static func textIfThere(_ line: KeyedDecodingContainer<Name>, _ name: String) throws -> String? {
        let name = Name(stringValue: name)
        return line.contains(name) ? try text(line, name) : nil
    }

    /// A text, or a number as it was written.
    private static func text(_ line: KeyedDecodingContainer<Name>, _ name: Name) throws -> String? {
        if try line.decodeNil(forKey: name) { return nil }
        if let text = try? line.decode(String.self, forKey: name) { return text }
        if (try? line.decode(Bool.self, forKey: name)) == nil {
            // By decimals, never through a binary fraction.
            if let number = try? line.decode(Decimal.self, forKey: name) { return "\(number)" }
        }
        throw KHQRBatch.Unreadable("\"\(name.stringValue)\" must be a text")
    }

    /// The code of ISO 4217 as text, or as the official SDK has it its number; null is a missing one.
    private static func currency(_ line: KeyedDecodingContainer<Name>, _ name: Name) throws -> String? {
        switch try? line.decode(Int64.self, forKey: name) {
        case 116: "KHR"
        case 840: "USD"
        default: try text(line, name)
        }
    }
}
