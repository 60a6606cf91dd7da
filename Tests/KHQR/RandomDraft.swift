import KHQR
import Monetary

/// A random draft that makes a code, and what the code must say: tags to texts, or to tags of a template.
struct RandomDraft {
    private(set) var draft = KHQRDraft()
    private(set) var fields: [String: [String: String]] = [:]

    init(_ random: inout SplitMix) {
        fields = ["00": ["": "01"], "58": ["": "KH"], "52": ["": "5999"]]
        chooseReceiver(&random)
        chooseAmount(&random)
        draft.merchantName = put("59", "", random.text(upTo: 25))
        draft.merchantCity = put("60", "", random.text(upTo: 15))
        // Four of them would not fit together.
        if random.chance(2) { draft.billNumber = put("62", "01", random.text(upTo: 25)) }
        if random.chance(3) { draft.mobileNumber = put("62", "02", "85512345678") }
        if random.chance(3) { draft.storeLabel = put("62", "03", random.text(upTo: 25)) }
        if random.chance(3) { draft.terminalLabel = put("62", "07", random.text(upTo: 9)) }
        if random.chance(4) { draft.purpose = put("62", "08", random.text(upTo: 9)) }
        if random.chance(3) {
            draft.language = put("64", "00", "km")
            draft.alternateName = put("64", "01", random.text(upTo: 25))
            if random.chance(2) { draft.alternateCity = put("64", "02", random.text(upTo: 15)) }
        }
    }

    private mutating func chooseReceiver(_ random: inout SplitMix) {
        let account = random.text(upTo: 20) + "@bank"
        if random.chance(2) {
            draft.type = "merchant"
            draft.account = put("30", "00", account)
            draft.merchantID = put("30", "01", random.text(upTo: 30))
            draft.acquiringBank = put("30", "02", random.text(upTo: 30))
        } else {
            draft.account = put("29", "00", account)
            if random.chance(2) { draft.accountInformation = put("29", "01", random.text(upTo: 30)) }
            if random.chance(2) { draft.acquiringBank = put("29", "02", random.text(upTo: 30)) }
        }
    }

    private mutating func chooseAmount(_ random: inout SplitMix) {
        let currency = random.chance(2) ? Currency.usd : .khr
        draft.currency = currency.code
        fields["53"] = ["": currency == .usd ? "840" : "116"]
        fields["01"] = ["": "11"]
        guard !random.chance(4) else { return }
        let units = Int64.random(in: 1...999_999_999_999, using: &random) / (random.chance(2) ? 1 : 1_000_000) + 1
        draft.amount = Money(minorUnits: units, currency: currency).plainText
        let cents = units % 100
        fields["01"] = ["": "12"]
        fields["54"] = ["": "\(units)"]
        if currency == .usd {
            fields["54"] = ["": "\(units / 100)" + (cents == 0 ? "" : ".\(cents < 10 ? "0" : "")\(cents)")]
        }
        let created = Int64.random(in: 1_000_000_000_000...9_000_000_000_000, using: &random)
        draft.created = put("99", "00", "\(created)")
        draft.expires = put("99", "01", "\(created + Int64.random(in: 0...600_000, using: &random))")
    }

    private mutating func put(_ tag: String, _ inner: String, _ text: String) -> String {
        fields[tag, default: [:]][inner] = text
        return text
    }
}
