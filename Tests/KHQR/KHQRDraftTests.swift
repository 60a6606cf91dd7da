import CivilTime
import KHQR
import Monetary
import Testing

@Suite("KHQR codes that are made")
struct KHQRDraftTests {
    private static var fixed: KHQRDraft {
        var draft = KHQRDraft()
        draft.account = "shop@bank"
        draft.merchantName = "Shop"
        draft.currency = "USD"
        draft.amount = "12.5"
        draft.created = "1769580000000"
        draft.expires = "1769580600000"
        return draft
    }

    private func refusal(_ change: (inout KHQRDraft) -> Void) -> KHQRErrorCode? {
        var draft = Self.fixed
        change(&draft)
        do throws(KHQRError) {
            _ = try draft.code()
            return nil
        } catch {
            return error.code
        }
    }

    @Test("The tags stand in the order of the official SDK, and the checksum is over the bytes")
    func order() throws {
        var draft = Self.fixed
        draft.billNumber = "INV-1"
        (draft.language, draft.alternateName) = ("km", "ចន ស្មីន")
        let text =
            "00020101021229130009shop@bank520459995303840540512.505802KH5904Shop6010Phnom Penh62090105INV-1"
            + "64180002km0108ចន ស្មីន9934001317695800000000113176958060000063045D0E"
        let code = try draft.code()
        #expect(code.text.dropLast(4) == text.dropLast(4))
        #expect(code.text.suffix(4) == CRC16.text(of: text.utf8.dropLast(4)))
        #expect(
            try DecodedKHQR(code.text).objects.map(\.tag).joined(separator: " ")
                == "00 01 29 52 53 54 58 59 60 62 64 99 63"
        )
        #expect(code.md5OfASCII != nil && code.md5OfASCII != code.md5)
    }

    @Test(
        "An amount is written as the official SDK writes it",
        arguments: [
            ("USD", "1", "1"), ("USD", "1.5", "1.50"), ("USD", "100.00", "100"), ("USD", "0.01", "0.01"),
            ("USD", "9999999999.99", "9999999999.99"), ("KHR", "500", "500"), ("KHR", "50000.0", "50000"),
            ("KHR", "9999999999999", "9999999999999"), ("USD", "1.100", "1.10"), ("USD", "007", "7"),
        ]
    )
    func amount(currency: String, given: String, written: String) throws {
        var draft = Self.fixed
        (draft.currency, draft.amount) = (currency, given)
        #expect(try DecodedKHQR(draft.code().text)["54"] == written)
    }

    @Test(
        "What is no amount of the currency is refused with 4, and nothing is rounded",
        arguments: [
            ("USD", "1.239"), ("USD", "0.001"), ("KHR", "100.5"), ("KHR", "0.4"), ("USD", "-1"), ("USD", "+1"),
            ("USD", "1e3"), ("USD", "nan"), ("USD", "inf"), ("USD", ""), ("USD", " 1"), ("USD", "1,5"),
            ("USD", "1.2.3"), ("USD", "."), ("USD", "99999999999.99"),
            ("KHR", "10000000000000"), ("USD", "99999999999999999999999"), ("USD", "１"),
        ]
    )
    func badAmount(currency: String, given: String) {
        #expect(refusal { ($0.currency, $0.amount) = (currency, given) } == .amountInvalid)
    }

    @Test("Without an amount, or with zero, a code is static and says no time", arguments: [nil, "0", "0.00", "-0.0"])
    func staticCode(amount: String?) throws {
        var draft = Self.fixed
        draft.amount = amount
        let code = try DecodedKHQR(verifying: draft.code().text, at: nil)
        #expect(code["01"] == "11" && !code.hasAmount && code["99", "00"] == nil)
    }

    @Test("A text may have its limit in UTF-16 units and no unit more")
    func limits() {
        let limits: [(WritableKeyPath<KHQRDraft, String?>, Int, KHQRErrorCode)] = [
            (\.account, 32, .accountLength), (\.merchantName, 25, .merchantNameLength),
            (\.merchantCity, 15, .merchantCityLength), (\.billNumber, 25, .billNumberLength),
            (\.mobileNumber, 25, .mobileNumberLength), (\.storeLabel, 25, .storeLabelLength),
            (\.terminalLabel, 25, .terminalLabelLength), (\.purpose, 25, .purposeLength),
            (\.accountInformation, 32, .accountInformationLength), (\.acquiringBank, 32, .acquiringBankLength),
            (\.alternateName, 25, .alternateNameLength), (\.alternateCity, 15, .alternateCityLength),
        ]
        for (place, limit, code) in limits {
            func verdict(_ length: Int) -> KHQRErrorCode? {
                refusal {
                    ($0.language, $0.alternateName) = ("km", "ក")
                    $0[keyPath: place] = "@" + String(repeating: "ក", count: length - 1)
                }
            }
            #expect(verdict(limit) == nil, "\(code)")
            #expect(verdict(limit + 1) == code)
        }
    }

    @Test("A template whose parts fit one by one and not together is refused, not given a length of three digits")
    func overflow() {
        let long = String(repeating: "x", count: 25)
        #expect(refusal { ($0.billNumber, $0.storeLabel, $0.purpose) = (long, long, long) } == nil)
        #expect(
            refusal { ($0.billNumber, $0.storeLabel, $0.purpose, $0.terminalLabel) = (long, long, long, long) }
                == .invalid
        )
        let longer = String(repeating: "x", count: 32)
        #expect(
            refusal {
                $0.account = "@" + longer.dropLast()
                ($0.accountInformation, $0.acquiringBank) = (longer, longer)
            } == .invalid
        )
    }

    @Test(
        "Characters that readers count differently, and control characters, are refused",
        arguments: ["😀", "a\nb", "\u{7F}", "𝐀"]
    )
    func unfit(text: String) {
        #expect(refusal { $0.merchantName = text } == .invalid)
        #expect(refusal { $0.billNumber = text } == .invalid)
    }

    @Test("Each missing or wrong field has its official code")
    func codes() {
        #expect(refusal { $0.account = "" } == .accountMissing)
        #expect(refusal { $0.account = "shop" } == .accountInvalid)
        #expect(refusal { $0.merchantName = nil } == .merchantNameMissing)
        #expect(refusal { $0.merchantCity = " " } == .merchantCityMissing)
        #expect(refusal { $0.type = "person" } == .merchantTypeMissing)
        #expect(refusal { $0.type = "merchant" } == .merchantIDMissing)
        #expect(refusal { ($0.type, $0.merchantID) = ("merchant", "1") } == .acquiringBankMissing)
        #expect(refusal { $0.merchantID = "1" } == .merchantTypeMissing)
        #expect(refusal { $0.currency = "EUR" } == .currencyUnsupported)
        #expect(refusal { $0.currency = nil } == .currencyMissing)
        #expect(refusal { $0.unionPayAccount = "1" } == .unionPayCurrency)
        #expect(refusal { $0.alternateName = "x" } == .languageMissing)
        #expect(refusal { $0.language = "km" } == .alternateNameMissing)
        #expect(refusal { ($0.language, $0.alternateName) = ("k", "x") } == .languageLength)
        #expect(refusal { $0.category = "599" } == .categoryLength)
        #expect(refusal { $0.category = "59x9" } == .categoryInvalid)
        #expect(refusal { $0.expires = nil } == .expiryMissing)
        #expect(refusal { $0.expires = "1769580600" } == .expiryLength)
        #expect(refusal { $0.expires = "176958060000x" } == .dynamicInvalid)
        #expect(refusal { $0.expires = "1769579999999" } == .expiryBeforeCreation)
        #expect(refusal { $0.expires = $0.created } == nil)
    }

    @Test("A draft with two faults gets the code of the one that the official SDK meets first")
    func firstFault() {
        #expect(refusal { ($0.account, $0.amount) = ("", "x") } == .accountMissing)
        #expect(refusal { ($0.merchantName, $0.amount) = ("", "x") } == .amountInvalid)
        #expect(refusal { ($0.merchantName, $0.expires) = ("", nil) } == .merchantNameMissing)
    }

    @Test("A payment's code carries its amount, reference and times, and a millisecond makes another code")
    func payment() throws {
        let created = try #require(Instant("2026-01-28T06:00:00Z"))
        var payment = KHQRPayment(
            to: .merchant(account: "shop@bank", merchantID: "123", acquiringBank: "Bank"),
            merchantName: "Shop",
            amount: Money(minorUnits: 1250, currency: .usd),
            billNumber: "INV-7/2",
            created: created,
            expires: created.adding(.seconds(600))
        )
        let code = try payment.code()
        let read = try DecodedKHQR(verifying: code.text, at: created)
        #expect(read.amount == payment.amount && read.billNumber == "INV-7/2" && read.account == "shop@bank")
        #expect(read.created == created && read.expires == payment.expires && read.isMerchant)
        payment.created = created.adding(.milliseconds(1))
        #expect(try payment.code().md5 != code.md5)
        payment.amount = .zero(.usd)
        #expect(throws: KHQRError(.amountInvalid, "it must be more than nothing")) { try payment.code() }
        payment.amount = Money(minorUnits: 1, currency: .khr)
        payment.billNumber = ""
        #expect(throws: KHQRError.self) { try payment.code() }
    }
}
