import CivilTime
import Custody
import Testing

@Suite("What pgBackRest says of a stanza")
struct PgBackRestInfoTests {
    private static let full = """
        {"annotation":{"bursar":"20261124T154947Z-12-1"},"archive":{"start":"000000010000000000000003",\
        "stop":"000000010000000000000004"},"backrest":{"format":5,"version":"2.45"},"database":{"id":1,"repo-key":1},\
        "error":false,"info":{"delta":23033520,"repository":{"delta":3074496,"size":3074496},"size":23033520},\
        "label":"20261124-154947F","lsn":{"start":"0/3000028","stop":"0/3000100"},"prior":null,"reference":null,\
        "timestamp":{"start":1795535387,"stop":1795535392},"type":"full"}
        """
    private static let diff = """
        {"archive":{"start":"000000010000000000000007","stop":"000000010000000000000007"},"database":{"id":1,"repo-key":1},\
        "error":true,"info":{"delta":6200000,"repository":{"delta":789000,"size":3300000},"size":25500000},\
        "label":"20261124-154947F_20261124-155347D","prior":"20261124-154947F","reference":["20261124-154947F"],\
        "timestamp":{"start":1795535627,"stop":1795535629},"type":"diff"}
        """

    private func text(
        backups: String = "\(full),\(diff)",
        status: String = #"{"code":0,"lock":{"backup":{"held":false}},"message":"ok"}"#,
        extra: String = ""
    ) -> String {
        """
        [{"name":"other","status":{"code":1,"message":"missing stanza path"},"backup":[],"db":[]},\
        {"archive":[],"backup":[\(backups)],"cipher":"aes-256-cbc","db":[{"id":1,"repo-key":1,"system-id":7711765746967090525,\
        "version":"15"},{"id":2,"repo-key":1,"system-id":7711765746967099999,"version":"15"}],"name":"main",\
        "repo":[{"cipher":"aes-256-cbc","key":1,"status":{"code":0,"message":"ok"}}]\(extra),"status":\(status)}]
        """
    }

    private func read(_ text: String) throws -> PgBackRestInfo {
        try PgBackRestInfo.read(text, stanza: "main", step: "info")
    }

    private func refusal(_ text: String) -> String {
        let error = #expect(throws: CustodyFailure.self) { try read(text) }
        #expect(error?.step == "info")
        return error?.reason ?? ""
    }

    @Test("Every backup is read to the last field: label, kind, log, times, sizes, what it rests on, and its note")
    func reads() throws {
        let info = try read(text())
        #expect(info.cipher == "aes-256-cbc")
        #expect(info.system == 7_711_765_746_967_099_999, "the newest cluster of the stanza, to the last digit")
        #expect(info.backups.map(\.label) == ["20261124-154947F", "20261124-154947F_20261124-155347D"])
        let full = try #require(info.backup("20261124-154947F"))
        #expect(full.kind == "full" && !full.hasErrors && full.restsOn == [])
        #expect(full.firstLog == "000000010000000000000003" && full.lastLog == "000000010000000000000004")
        #expect(full.began == 1_795_535_387 && full.ended == 1_795_535_392)
        #expect(full.bytes == 23_033_520 && full.repositoryBytes == 3_074_496)
        #expect(full.notes == ["bursar": "20261124T154947Z-12-1"])
        #expect(info.backup("20261124-154947F_20261124-155347D")?.restsOn == ["20261124-154947F"])
    }

    @Test("Pages that were damaged are told, and nothing said is no damage")
    func damage() throws {
        #expect(try read(text()).backups.map(\.hasErrors) == [false, true])
        #expect(
            try read(text(backups: Self.full.replacing(#""error":false,"#, with: ""))).backups[0].hasErrors == false
        )
    }

    @Test("Fields of a later version are passed over, and those that it leaves out are done without")
    func later() throws {
        let backup = Self.full
            .replacing(#""error":false"#, with: #""error":null,"block-incr":{"size":[1,2]}"#)
            .replacing(#","size":3074496}"#, with: #","delta-map":5}"#)
            .replacing(#""annotation":{"bursar":"20261124T154947Z-12-1"},"#, with: "")
        let info = try read(text(backups: backup, extra: #","sync":{"when":"tomorrow"}"#))
        #expect(info.backups[0].repositoryBytes == 3_074_496 && info.backups[0].notes == [:])
    }

    @Test("A stanza without a backup is in order; one that is missing or damaged is told, with the way out")
    func statuses() throws {
        #expect(try read(text(backups: "", status: #"{"code":2,"message":"no valid backups"}"#)).backups == [])
        #expect(refusal(text(status: #"{"code":1,"message":"missing stanza path"}"#)).contains("stanza-create"))
        #expect(refusal(text(status: #"{"code":3,"message":"missing stanza data"}"#)).contains("missing stanza data"))
        #expect(refusal(text(status: #"{"code":99,"message":"other"}"#)) == "stanza main is not in order: other")
        #expect(refusal("[]").hasPrefix("pgBackRest knows no stanza main"))
    }

    @Test("What is no such answer is refused, with the place where it ends to be one, and never its contents")
    func oddities() {
        #expect(refusal("").hasSuffix("it is no JSON"))
        #expect(refusal("ERROR: [055]: unable to load").hasSuffix("it is no JSON"))
        #expect(
            refusal(text(backups: Self.full.replacing(#""label":"20261124-154947F","#, with: "")))
                .contains(".label is missing")
        )
        #expect(
            refusal(text(backups: Self.full.replacing("1795535387", with: #""yesterday""#)))
                .hasSuffix(".start is of another kind")
        )
        #expect(
            refusal(text(backups: Self.full.replacing(#""size":23033520"#, with: #""size":null"#))).contains("size")
        )
    }

    @Test("A backup of a stopped cluster has no log, and is no backup to go on from")
    func stopped() throws {
        let offline = Self.full.replacing(
            #""archive":{"start":"000000010000000000000003","stop":"000000010000000000000004"}"#,
            with: #""archive":{"start":null,"stop":null}"#
        )
        let backup = try read(text(backups: offline)).backups[0]
        #expect(backup.firstLog == nil && backup.lastLog == nil)
    }
}
