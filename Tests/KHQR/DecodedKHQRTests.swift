import CivilTime
import KHQR
import Monetary
import Testing

@Suite("KHQR codes that are read")
struct DecodedKHQRTests {
    private static let head = "000201010212"
    private static let middle = "29130009shop@bank520459995303840540510.505802KH5904Shop6010Phnom Penh"
    private static let lower =
        "00020101021129190015john_smith@devb5204599953031165802KH5910John Smith6010Phnom Penh63046bfa"
    private static let times = "993400131769580000000" + "01131769580600000"

    /// A text with the right checksum.
    private func closed(_ body: String) -> String { body + "6304" + CRC16.text(of: (body + "6304").utf8) }

    private func refusal(_ text: String) -> KHQRErrorCode? {
        do throws(KHQRError) {
            _ = try DecodedKHQR(text)
            return nil
        } catch {
            return error.code
        }
    }

    private func verdict(_ body: String, at now: Instant? = nil) -> KHQRErrorCode? {
        do throws(KHQRError) {
            _ = try DecodedKHQR(verifying: closed(body), at: now)
            return nil
        } catch {
            return error.code
        }
    }

    @Test("Two objects of one tag are refused, at the root, in a template, and a second checksum")
    func repeats() {
        let good = Self.head + Self.middle + Self.times
        #expect(refusal(closed(good)) == nil)
        #expect(refusal(closed(Self.head + "5303116" + Self.middle + Self.times)) == .invalid)
        #expect(refusal(closed(good.replacing("2913", with: "29260009evil@bank"))) == .invalid)
        #expect(refusal(closed(closed(good))) == .invalid)
        #expect(refusal(closed(good + "62180105INV-10105INV-2")) == .invalid)
        #expect(refusal(closed(good + "45120002ab0002cd")) == .invalid)
    }

    @Test(
        "Each missing field is refused with its official code",
        arguments: [
            ("000201", "", KHQRErrorCode.formatIndicatorMissing),
            ("29130009shop@bank", "", .merchantTypeMissing),
            ("52045999", "", .categoryMissing), ("5303840", "", .currencyMissing), ("5802KH", "", .countryMissing),
            ("5904Shop", "", .merchantNameMissing), ("6010Phnom Penh", "", .merchantCityMissing),
            ("5904Shop", "5900", .merchantNameMissing), ("6010Phnom Penh", "6000", .merchantCityMissing),
            ("0009shop@bank", "0109shop@bank", .accountMissing),
        ]
    )
    func missing(part: String, instead: String, code: KHQRErrorCode) {
        let text = (Self.head + Self.middle + Self.times).replacing(part, with: instead)
        #expect(refusal(closed(text)) == code)
        #expect(verdict(text) == code)
    }

    @Test(
        "A field of a wrong length or value is refused with its official code",
        arguments: [
            ("000201", "0003001", KHQRErrorCode.formatIndicatorLength),
            ("010212", "0103012", .pointOfInitiationLength),
            ("010212", "010213", .pointOfInitiationInvalid), ("52045999", "520359", .invalid),
            ("52045999", "520559990", .categoryLength), ("5303840", "53048400", .currencyLength),
            ("5303840", "5303978", .currencyUnsupported), ("540510.50", "541412345678901.50", .amountInvalid),
            ("5802KH", "5803KHM", .countryLength), ("5904Shop", "5926ABCDEFGHIJKLMNOPQRSTUVWXYZ", .merchantNameLength),
            ("6010Phnom Penh", "6016Phnom Penh123456", .merchantCityLength),
            ("29130009shop@bank", "29370033shop@bankabcdefghijklmnopqrstuvwx", .accountLength),
            ("6010Phnom Penh", "6010Phnom Penh62040100", .billNumberLength),
            ("6010Phnom Penh", "6010Phnom Penh64060002km", .alternateNameMissing),
            ("6010Phnom Penh", "6010Phnom Penh64120003khm0101x", .languageLength),
            ("6010Phnom Penh", "6010Phnom Penh6200", .invalid),
        ]
    )
    func wrong(part: String, instead: String, code: KHQRErrorCode) {
        #expect(refusal(closed((Self.head + Self.middle + Self.times).replacing(part, with: instead))) == code)
    }

    @Test("A checksum that is missing, of another length, or not the last is told apart")
    func checksum() {
        let body = Self.head + Self.middle + Self.times
        #expect(refusal(body) == .checksumMissing)
        #expect(refusal(body + "ABCD") == .checksumMissing)
        #expect(refusal(body + "6305ABCDE") == .checksumLength)
        #expect(refusal(body + "6304ABC") == .checksumLength)
        #expect(refusal(closed(body) + "6104abcd") == .tagOrder)
        #expect(refusal(closed("010212000201" + Self.middle + Self.times)) == .tagOrder)
    }

    @Test("What breaks off is refused with its place, or as no KHQR where it begins with another object")
    func breaks() {
        #expect(refusal("02010102123019" + Self.middle) == .formatIndicatorMissing)
        #expect(refusal("no code at all") == .invalid)
        #expect(refusal(Self.head + "5904Shop6010Phnom") == .invalid)
    }

    @Test("A wrong checksum is told, not refused; verifying refuses it before everything else")
    func wrongChecksum() throws {
        let text = Self.head + Self.middle + Self.times + "63040000"
        let code = try DecodedKHQR(text)
        #expect(!code.hasRightChecksum && code.amount == Money(minorUnits: 1050, currency: .usd))
        #expect(code.objection(at: nil)?.code == .invalid)
    }

    @Test("A checksum in lower case is not the right one")
    func lowerCase() throws {
        let code = try DecodedKHQR(Self.lower)
        #expect(!code.hasRightChecksum && code.expectedChecksum == "6BFA")
    }

    @Test("What a code says about its end informs: only verifying judges it")
    func times() throws {
        let now = try #require(Instant("2026-01-28T06:05:00Z"))
        let later = try #require(Instant("2026-01-28T06:10:01Z"))
        let body = Self.head + Self.middle
        #expect(verdict(body + Self.times, at: now) == nil)
        #expect(verdict(body + Self.times, at: later) == .expired)
        #expect(verdict(body + "99340013176958000000001131769579999999") == .expiryBeforeCreation)
        #expect(verdict(body + "99340013176958000000001131769580000000") == nil)
        #expect(verdict(body + "99170013" + "1769580000000") == .expiryMissing)
        #expect(verdict(body + "9913" + "1769580000000") == .expiryMissing)
        #expect(verdict(body) == .expiryMissing)
        #expect(verdict(body.replacing("540510.50", with: "") + Self.times) == .dynamicInvalid)
        #expect(verdict(body + "99310013176958000000001101769580600") == .expiryLength)
        #expect(verdict(body + "9934001317695800000000113176958060000x") == .dynamicInvalid)
        #expect(refusal(closed(body + "9913" + "1769580000000")) == nil)
        #expect(refusal(closed(body + "99170013" + "1769580000000")) == nil)
        #expect(refusal(closed(body + "99340013176958000000001131769579999999")) == nil)
        #expect(try DecodedKHQR(closed(body + "9913" + "1769580000000"))["99"] == "1769580000000")
    }

    @Test("A merchant's code without id or bank is read, and refused at the end of verifying")
    func merchant() {
        let body = Self.head + Self.middle.replacing("29130009", with: "30130009") + Self.times
        #expect(refusal(closed(body)) == nil)
        #expect(verdict(body) == .merchantIDMissing)
    }

    @Test("Templates of others are kept, whether they hold objects or not, and nothing is looked for any deeper")
    func others() throws {
        let body = Self.head + Self.middle + "39120004abcd0100" + "4503abc" + "62120108050103ab" + Self.times
        let code = try DecodedKHQR(closed(body))
        #expect(code["39", "00"] == "abcd" && code["45"] == "abc" && code["62", "01"] == "050103ab")
    }

    @Test(
        "Amounts are compared as decimals",
        arguments: [
            ("1", 100), ("1.5", 150), ("1.50", 150), ("01.500", 150), ("5.", 500), (".5", 50), ("0", 0), ("", nil),
            (".", nil), ("1.505", nil), ("-1", nil), ("1 ", nil), ("1e2", nil), ("٣", nil),
            ("92233720368547758.08", nil),
        ] as [(String, Int64?)]
    )
    func amounts(text: String, cents: Int64?) {
        #expect(AmountText.money(text, in: .usd)?.minorUnits == cents)
    }

    @Test("Riels have no decimals that say something")
    func riels() {
        #expect(AmountText.money("5000.0", in: .khr) == Money(minorUnits: 5000, currency: .khr))
        #expect(AmountText.money("5000.5", in: .khr) == nil)
    }

    @Test("A code that is longer than any is refused at once")
    func longest() {
        #expect(refusal(String(repeating: "0001x", count: 2_000_000)) == .invalid)
        #expect(refusal("") == .invalid)
        #expect(refusal(Self.head + Self.middle + String(repeating: "6104abcd", count: 4_000)) == .invalid)
    }

    @Test("Every error has its number, and the official words")
    func words() {
        #expect(KHQRErrorCode.allCases.map(\.rawValue) == Array(1...51))
        #expect(KHQRErrorCode.amountInvalid.officialText == "Amount is invalid")
        #expect(KHQRErrorCode.accountInformationLength.officialText == "Account Information Length is invalid")
        #expect(KHQRErrorCode.categoryInvalid.officialText == "Merchant category code is invalid")
        #expect("\(KHQRError(.tagOrder, "no"))" == "Tag is not in order: no (KHQR error 36)")
    }
}
