import CivilTime
import Postgres
import Testing

@testable import Payments

@Suite("What Bakong says, as money seen")
struct BakongLookupTests {
    private static let hash = String(repeating: "ab", count: 32)
    private static let lookup = DueLookup(
        issuer: 1,
        tenant: 2,
        attempt: 3,
        account: 4,
        accountName: "shop@bank",
        purpose: .payment,
        md5: "0c",
        md5ASCII: nil,
        providerHash: nil
    )

    private func finding(_ members: String) throws -> LookupFinding {
        let text = "{\"hash\":\"\(Self.hash)\",\(members)}"
        let transaction = try BakongTransaction(ExactJSON(parsing: Array(text.utf8)))
        return Self.lookup.finding(.found(transaction), asOf: Instant(secondsSinceEpoch: 1_800_000_000))
    }

    @Test("Money on our account is money seen there, whatever case Bakong writes the account in")
    func ours() throws {
        let members =
            #""toAccountId":"Shop@BANK","amount":44000.0,"currency":"KHR","createdDateMs":1700000000123.5,"trackingStatus":null"#
        let money = try #require(finding(members).money)
        #expect(money.account == 4 && money.amount == 44000 && money.currency == "KHR" && !money.reverses)
        #expect(money.externalKey == Self.hash && money.providerHash == Self.hash)
        #expect(money.occurredAt == Instant(microsecondsSinceEpoch: 1_700_000_000_123_000))
    }

    @Test("Money on another account is money of no account of ours")
    func otherAccount() throws {
        let money = try #require(finding(#""toAccountId":"else@bank","amount":1,"currency":"KHR""#).money)
        #expect(money.account == nil)
    }

    @Test("What the receiving bank has sent back is money that went back, under a key of its own")
    func wentBack() throws {
        let members = #""toAccountId":"shop@bank","amount":1,"currency":"USD","trackingStatus":"REFUNDED_BY_RECEIVER""#
        guard case .wentBack(let money) = try finding(members) else {
            Issue.record("it did not go back")
            return
        }
        #expect(money.reverses && money.externalKey != Self.hash && money.providerHash == Self.hash)
    }

    @Test("An amount that does not fit its currency is seen all the same, and is for a person")
    func unreadable() throws {
        let money = try #require(finding(#""toAccountId":"shop@bank","amount":100.5,"currency":"KHR""#).money)
        #expect(money.amount == nil && money.raw?.contains("100.5") == true)
    }

    @Test("No answer is no finding about the payment")
    func unknown() {
        let finding = Self.lookup.finding(.unknown(.timeout), asOf: .epoch)
        #expect(finding == .unknown("timeout"))
    }
}
