import Notices
import Postgres
import Schedules
import TestSupport
import Testing

@Suite("What reports do")
struct ReturnsTests {
    @Test(
        "A hard bounce fails message and notice, suppresses the address with its evidence, and the notice climbs its ladder"
    )
    func hard() async throws {
        try await ReturnWorld.open { world in
            let message = try await world.message()
            try await world.database.setUp("select bursar.put_contact(1, 'sms', '+85512345678')")
            let report = try await world.bring("postfix-unknown-user", of: message)
            #expect(try await world.work() == 1)
            #expect(try await world.states(message) == "hard_failed hard_failed")
            #expect(try await world.outcome(report) == "done | hard | failed, address suppressed")
            #expect(
                try await world.list("select tenant_id::text, channel, state from bursar.notice order by id")
                    == ["1|email|hard_failed", "1|sms|planned"]
            )
            let rows = try await world.list(
                """
                select s.tenant_id::text, s.reason, s.source, s.evidence, s.expires_at::text
                from bursar.suppression s join bursar.payer_address a on a.hash = s.address_hash and a.tenant_id = 1
                """
            )
            #expect(rows.count == 1)
            #expect(
                rows.first?.hasPrefix("1|hard_bounce|dsn|report \(report): 5.1.1 smtp; 550 5.1.1 <address>") == true,
                "\(rows)"
            )
            #expect(rows.first?.hasSuffix("|-") == true, "\(rows)")
            let asked = try await world.call(
                "select bursar.suppressed_for(t.id, 'email', bursar.address_hash('email', ' SOK@customer.example'), now()) from bursar.tenant t where t.id = 1"
            )
            #expect(asked == "hard_bounce")
            #expect(
                try await world.call(
                    "select bursar.suppressed_for(2, 'email', bursar.address_hash('email', 'sok@customer.example'), now())"
                ) == "null"
            )
        }
    }

    @Test("The same report again changes nothing, whoever brings it")
    func repeated() async throws {
        try await ReturnWorld.open { world in
            let message = try await world.message()
            let first = try await world.bring("postfix-unknown-user", of: message)
            try await world.work()
            #expect(try await world.bring("postfix-unknown-user", of: message) == first)
            #expect(try await world.work() == 0)
            #expect(
                try await world.list("select count(*)::text, sum(repeats)::text from bursar.delivery_report") == ["1|1"]
            )
            #expect(try await world.one("select count(*)::text from bursar.suppression") == "1")
        }
    }

    @Test("A refusal of policy fails the message, raises an alarm, and leaves the address alone")
    func policy() async throws {
        try await ReturnWorld.open { world in
            let message = try await world.message()
            try await world.bring("exchange-policy", of: message)
            try await world.work()
            #expect(try await world.states(message) == "hard_failed hard_failed")
            #expect(try await world.one("select count(*)::text from bursar.suppression") == "0")
            #expect(try await world.one("select count(*)::text from bursar.soft_bounce") == "0")
            let alarm = try await world.one(
                "select key || ' ' || (evidence ->> 'status') from bursar.alarm where cleared_at is null"
            )
            #expect(alarm == "delivery_policy:email 5.7.124")
        }
    }

    @Test(
        "A delayed message stays accepted; the fifth of 14 days suppresses for 30, and one that arrives resets it all"
    )
    func soft() async throws {
        try await ReturnWorld.open { world in
            for number in 1...6 {
                let message = try await world.message(messageID: "n\(number)@billing.example")
                let report = try await world.bring("postfix-delayed", of: message)
                try await world.work()
                #expect(try await world.states(message) == "accepted accepted")
                let expected = number < 5 ? "soft | counted" : "soft | address suppressed for 30 days"
                #expect(try await world.outcome(report) == "done | \(expected)")
            }
            let days = try await world.list(
                "select reason, round(extract(epoch from expires_at - placed_at) / 86400)::text from bursar.suppression"
            )
            #expect(days == ["soft_bounces|30"])
            try await world.bring("postfix-delivered", of: 2)
            try await world.work()
            #expect(try await world.states(2) == "delivered delivered")
            #expect(
                try await world.one("select count(*)::text from bursar.soft_bounce where cleared_at is null") == "0"
            )
            #expect(try await world.one("select release_reason from bursar.suppression") == "a message arrived")
        }
    }

    @Test("Many words about one message are one soft bounce, and old ones do not count")
    func softOnce() async throws {
        try await ReturnWorld.open { world in
            for number in 1...4 { try await world.message(messageID: "n\(number)@billing.example") }
            for number in 1...4 { try await world.bring("postfix-delayed", of: Int64(number)) }
            try await world.work()
            let mail = String(decoding: try ReturnVectors.mail("postfix-delayed"), as: UTF8.self)
            let token = BounceToken.make(message: 4, key: try #require(ReturnWorld.key))
            for again in 1...3 {
                try await world.bring(Array("X-Again: \(again)\n\(mail.replacing("token", with: token))".utf8))
            }
            try await world.work()
            #expect(try await world.one("select count(*)::text from bursar.soft_bounce") == "4")
            #expect(try await world.one("select count(*)::text from bursar.suppression") == "0")
            try await world.database.setUp(
                "update bursar.soft_bounce set at = at - interval '15 days' where message_id < 4"
            )
            let fifth = try await world.message(messageID: "n5@billing.example")
            try await world.bring("postfix-delayed", of: fifth)
            try await world.work()
            #expect(try await world.one("select count(*)::text from bursar.suppression") == "0")
        }
    }

    @Test(
        "Vacation notices, challenges and receipts are no bounces: nothing changes, and their bytes are not kept",
        arguments: ["vacation", "challenge", "read-receipt"]
    )
    func automatic(name: String) async throws {
        try await ReturnWorld.open { world in
            let message = try await world.message()
            let report = try await world.bring(name, of: message)
            try await world.work()
            #expect(try await world.states(message) == "accepted accepted")
            #expect(try await world.outcome(report).hasPrefix("done | auto_reply | nothing: "))
            #expect(try await !world.outcome(report).hasSuffix("kept"))
            #expect(try await world.one("select count(*)::text from bursar.suppression") == "0")
        }
    }

    @Test(
        "What cannot be read is kept for a person with its bytes, is never taken for a soft bounce, and can be read again",
        arguments: ["human", "qmail-prose", "contradiction"]
    )
    func unreadable(name: String) async throws {
        try await ReturnWorld.open { world in
            let message = try await world.message()
            let report = try await world.bring(name, of: message)
            try await world.work()
            #expect(try await world.states(message) == "accepted accepted")
            let outcome = try await world.outcome(report)
            #expect(outcome.hasPrefix("unreadable | ") && outcome.hasSuffix(" | kept"), "\(outcome)")
            #expect(try await world.one("select count(*)::text from bursar.soft_bounce") == "0")
            #expect(try await world.work() == 0)
            #expect(try await world.call("select bursar.reread_reports(\(report), 'the reader is mended')") == "1")
            #expect(try await world.work() == 1)
        }
    }

    @Test("A report of no message of ours suppresses nobody: a stranger's word is not enough")
    func unmatched() async throws {
        try await ReturnWorld.open { world in
            try await world.message(messageID: "other@billing.example")
            let report = try await world.bring(
                try ReturnVectors.mail("postfix-unknown-user", token: "aaaaaaaaaaaaaaaaaa")
            )
            try await world.work()
            #expect(try await world.outcome(report).hasPrefix("unmatched | hard | "))
            #expect(try await world.one("select count(*)::text from bursar.suppression") == "0")
        }
    }

    @Test("Without a token a report is matched by the envelope's id, and else by our Message-ID")
    func otherClues() async throws {
        try await ReturnWorld.open { world in
            let first = try await world.message(messageID: "n1@billing.example")
            let second = try await world.message(messageID: "n2@billing.example")
            try await world.bring(try ReturnVectors.mail("postfix-unknown-user", envelope: "n2@billing.example"))
            try await world.work()
            #expect(try await world.states(first) == "accepted accepted")
            #expect(try await world.states(second) == "hard_failed hard_failed")
            try await world.bring(try ReturnVectors.mail("postfix-unknown-user"))
            try await world.work()
            #expect(try await world.states(first) == "hard_failed hard_failed")
            #expect(
                try await world.list("select matched_by from bursar.delivery_report order by id") == [
                    "envelope", "message_id",
                ]
            )
        }
    }

    @Test(
        "Every state of a message moves as the table of moves allows, or stays",
        arguments: [
            ("accepted", "postfix-delivered", "delivered delivered"),
            ("unknown", "postfix-delivered", "delivered delivered"),
            ("waiting", "postfix-delivered", "delivered delivered"),
            ("unknown", "list-behind-address", "accepted accepted"),
            ("accepted", "list-behind-address", "accepted accepted"),
            ("unknown", "postfix-unknown-user", "hard_failed hard_failed"),
            ("waiting", "postfix-unknown-user", "hard_failed hard_failed"),
            ("delivered", "postfix-unknown-user", "hard_failed hard_failed"),
            ("hard_failed", "postfix-delivered", "hard_failed hard_failed"),
            ("accepted", "complaint", "accepted accepted"),
            ("accepted", "gmail-full-mailbox", "hard_failed hard_failed"),
        ]
    )
    func moves(_ state: String, _ name: String, _ after: String) async throws {
        try await ReturnWorld.open { world in
            let message = try await world.message(state)
            try await world.bring(name, of: message)
            try await world.work()
            #expect(try await world.states(message) == after)
        }
    }

    @Test("A message that is being sent this moment is not touched: the report waits for how that ends")
    func beingSent() async throws {
        try await ReturnWorld.open { world in
            let message = try await world.message("sending")
            let report = try await world.bring("postfix-unknown-user", of: message)
            #expect(try await world.work() == 1)
            #expect(try await world.states(message) == "sending claimed")
            #expect(try await world.outcome(report) == "waiting | hard | its message is being sent | kept")
            #expect(try await world.work() == 0)
            try await world.database.setUp(
                """
                update bursar.message set state = 'accepted'; update bursar.notice set state = 'accepted';
                update bursar.delivery_report set not_before = now() - interval '1 second';
                """
            )
            try await world.work()
            #expect(try await world.states(message) == "hard_failed hard_failed")
        }
    }

    @Test("A complaint suppresses the address and does not call the message failed")
    func complaint() async throws {
        try await ReturnWorld.open { world in
            let message = try await world.message()
            let report = try await world.bring("complaint", of: message)
            try await world.work()
            #expect(try await world.outcome(report) == "done | complaint | address suppressed")
            #expect(try await world.one("select reason from bursar.suppression") == "complaint")
        }
    }

    @Test("Many reports of several tenants are worked off in chunks, each once")
    func many() async throws {
        try await ReturnWorld.open { world in
            for number in 1...10 {
                let message = try await world.message(
                    tenant: Int64(number % 2 + 1),
                    messageID: "n\(number)@billing.example"
                )
                try await world.bring(number == 5 ? "human" : "postfix-delayed", of: message)
            }
            #expect(try await world.work() == 10)
            #expect(try await world.work() == 0)
            let states = try await world.list(
                "select state, count(*)::text from bursar.delivery_report group by 1 order by 1"
            )
            #expect(states == ["done|9", "unreadable|1"])
        }
    }

    @Test("A dry run changes nothing and ends")
    func dryRun() async throws {
        try await ReturnWorld.open { world in
            for number in 1...5 {
                let message = try await world.message(messageID: "n\(number)@billing.example")
                try await world.bring("postfix-unknown-user", of: message)
            }
            #expect(try await world.work(dryRun: true) == 3)
            #expect(
                try await world.one("select count(*)::text from bursar.delivery_report where state = 'waiting'") == "5"
            )
        }
    }
}

@Suite("What providers say of messages")
struct StatusReportTests {
    private static let mapping = {
        var mapping = StatusMapping(
            transport: "relay",
            message: "data.id",
            status: "data.state",
            words: ["DELIVRD": .delivered, "UNDELIV": .hard, "ENROUTE": .soft, "ACCEPTD": .accepted]
        )
        mapping.reason = "data.error"
        return mapping
    }()

    @Test(
        "A post is read by its mapping, as JSON or as a form",
        arguments: [
            (#"{"data":{"id":"p1","state":"DELIVRD"}}"#, "delivered delivered"),
            (
                #"{"data":{"id":"p1","state":"UNDELIV","error":"gone: sok@customer.example"}}"#,
                "hard_failed hard_failed"
            ),
            ("data.id=p1&data.state=DELIVRD", "accepted accepted"),
            (#"{"data":{"id":"p2","state":"DELIVRD"}}"#, "accepted accepted"),
            (#"{"data":{"id":"p1","state":"LOST"}}"#, "accepted accepted"),
        ]
    )
    func posts(_ body: String, _ after: String) async throws {
        try await ReturnWorld.open(mappings: [Self.mapping]) { world in
            let message = try await world.message(provider: "p1")
            try await world.bring(Array(body.utf8), from: .status(transport: "relay"))
            try await world.work()
            #expect(try await world.states(message) == after)
            #expect(
                try await world.one("select count(*)::text from bursar.suppression where evidence like '%@%'") == "0"
            )
        }
    }

    @Test("A form is read like JSON of one level")
    func form() {
        var mapping = StatusMapping(transport: "gate", message: "id", status: "s", words: ["1": .delivered])
        #expect(mapping.read(Array("id=a%20b&s=1".utf8)) == .tells(id: "a b", verdict: .delivered, reason: "1"))
        mapping.reason = "why"
        #expect(
            mapping.read(Array("id=x&s=1&why=all+well".utf8))
                == .tells(id: "x", verdict: .delivered, reason: "1: all well")
        )
    }

    @Test("A mapping is read from YAML, and every fault of it is told with its place")
    func yaml() throws {
        func read(_ text: String) throws -> (StatusMapping?, [FileProblem]) {
            let document = YAMLDocument(text, file: "channels.yaml")
            var reader = YAMLReader(file: "channels.yaml")
            let mapping = StatusMapping(try #require(document.root), of: "gate", with: &reader)
            return (mapping, reader.problems)
        }
        let whole = "{ message: a.b, status: c, our_id: true, words: { DELIVRD: delivered, '0': failed } }"
        let (mapping, problems) = try read(whole)
        #expect(problems.isEmpty && mapping?.isOurID == true)
        #expect(mapping?.words == ["DELIVRD": .delivered, "0": .failed])
        for (text, place) in [
            ("{ message: a, words: { X: hard } }", "1:1"), ("{ message: a, status: s, words: { X: gone } }", "1:38"),
            ("{ message: a, status: s, words: [] }", "1:33"),
            ("{ mesage: a, status: s, words: { X: hard } }", "1:3"),
        ] {
            let (_, problems) = try read(text)
            #expect(problems.first?.description.hasPrefix("channels.yaml:\(place): ") == true, "\(text): \(problems)")
        }
    }

    @Test(
        "A post that says nothing that the mapping knows is for a person",
        arguments: [
            "", "x", "{}", #"{"id":"x"}"#, #"{"id":"x","s":"2"}"#, "id=x", "id=x&id=y&s=1", "id=%zz&s=1",
            #"{"id":["x"],"s":"1"}"#,
        ]
    )
    func unreadable(body: String) {
        let mapping = StatusMapping(transport: "gate", message: "id", status: "s", words: ["1": .delivered])
        guard case .unreadable = mapping.read(Array(body.utf8)) else {
            Issue.record("\(body) was read")
            return
        }
    }
}
