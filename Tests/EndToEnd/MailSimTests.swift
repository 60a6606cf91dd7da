import Glibc
import Outbound
import TestSupport
import Testing

@Suite("The simulated mail relay, as a process")
struct MailSimTests {
    /// Starts it, and answers it with its port.
    private static func start(
        _ house: House,
        _ arguments: [String],
        as name: String
    ) async throws -> (ChildProcess, Int) {
        let process = try house.start(
            Program.path,
            ["sim", "smtp", "--json"] + arguments,
            Program.environment.merging(["BURSAR_CONFIG": "\(house.folder)/bursar.yaml"]) { $1 },
            as: name
        )
        try await waitUntil("the relay serves: \(process.said)") { process.answered.contains("}") }
        let start = try #require(process.answered.firstRange(of: "\"port\":")).upperBound
        return (process, try #require(Int(process.answered[start...].prefix { $0.isNumber })))
    }

    private static func message(_ number: Int) -> [UInt8] {
        Array(
            "Message-ID: <\(number)@bursar.example>\r\nSubject: invoice \(number)\r\n\r\n.\r\nបង់ប្រាក់ \(number)\r\n".utf8
        )
    }

    @Test("What is in the spool is what was sent, one whole file a message, and the script is obeyed")
    func spool() async throws {
        try await House.with(Portfolio.empty) { house in
            let spool = "\(house.folder)/mail"
            write(
                """
                lacks: [SMTPUTF8]
                rules:
                  - { at: rcpt, to: "*@slow.example", replies: ["451 4.2.1 busy", 451, 250] }
                  - { at: dot, to: "lost@*", replies: [lose] }
                  - { at: mail, every: 100, replies: ["421 4.7.0 so many"] }
                """,
                to: "\(house.folder)/script.yaml"
            )
            let (process, port) = try await Self.start(
                house,
                [
                    "--spool", spool, "--script", "\(house.folder)/script.yaml", "--reply",
                    "ghost@x.example=550 5.1.1 none",
                    "--after-dot", "drop@x.example=drop,250",
                ],
                as: "relay"
            )
            let client = SMTPClient(relay: SMTPRelay(host: "127.0.0.1", port: port, security: .none))
            defer { client.close() }
            func send(_ recipient: String, _ number: Int) async -> SMTPOutcome {
                await client.send(
                    SMTPEnvelope(sender: "b+\(number)@x.example", recipient: recipient, message: Self.message(number))
                )
            }
            var codes: [Int?] = []
            for _ in 0..<3 { codes.append(await send("a@slow.example", 1000).reply?.code) }
            #expect(codes == [451, 451, 250])
            #expect(await send("ghost@x.example", 1001).reply?.code == 550)
            #expect(await send("lost@x.example", 1002).reply?.code == 250)
            #expect(await send("drop@x.example", 1003).isUnknown)
            let accepted = await withTaskGroup(of: Int?.self) { group in
                for number in 0..<200 {
                    group.addTask { await send("p\(number)@x.example", number).reply?.code == 250 ? number : nil }
                }
                return await group.reduce(into: Set<Int>()) { if let number = $1 { $0.insert(number) } }
            }
            // The hundredth MAIL is refused; on a kept connection that is taken for its end, and tried on a new one.
            #expect(accepted.count >= 198)

            let files = files(in: "\(spool)/new", ending: ".sim").map(contents)
            let wanted = accepted.map { ("p\($0)@x.example", $0) } + [("a@slow.example", 1000)]
            let expected = wanted.map { recipient, number in
                "Return-Path: <b+\(number)@x.example>\r\nDelivered-To: \(recipient)\r\n"
                    + String(decoding: Self.message(number), as: UTF8.self)
            }
            #expect(Set(files) == Set(expected) && files.count == expected.count)
            process.signal(SIGTERM)
            #expect(try await process.end() == .exited(0))
            #expect(process.answered.contains("\"messages\":\(files.count)"), "\(process.answered)")
            #expect(process.answered.contains("\"lost\":1"))
        }
    }

    @Test("It is refused in production, and a wrong script says where it is wrong")
    func refused() async throws {
        try await House.with(Portfolio.empty) { house in
            let production = try await house.bursar("sim", "smtp", settings: ["BURSAR_ENVIRONMENT": "production"])
            #expect(production.status == 77 && production.errors.contains("refused in production"), "\(production)")
            let script = "\(house.folder)/script.yaml"
            for (text, words) in [
                ("rules: [{ at: lunch, replies: [250] }]", "not 'lunch'"),
                ("rules: [{ at: rcpt }]", "needs at and replies"),
                ("rules: [{ at: mail, to: x, replies: [250] }]", "nobody knows the recipient"),
                ("rules: [{ at: rcpt, replies: [perhaps] }]", "'perhaps' is no reply"), ("rule: []", "no 'rule'"),
                ("rules: [{ at: rcpt, every: 0, replies: [250] }]", "1 or more"), ("rules: 5", "rules is a list"),
                ("[", "neither"),
            ] {
                write(text, to: script)
                let ended = try await house.bursar("sim", "smtp", "--script", script)
                #expect(ended.status == 65 && ended.errors.contains(words), "\(text): \(ended)")
            }
            #expect(try await house.bursar("sim", "smtp", "--tls").status == 64)
            #expect(try await house.bursar("sim", "smtp", "--user", "x").status == 64)
            #expect(try await house.bursar("sim", "smtp", "--reply", "x").status == 64)
            #expect(try await house.bursar("sim", "smtp", "--certificate", "/x", "--key", "/y").status == 78)
            #expect(try await house.bursar("sim", "smtp", "--script", "/nowhere").status == 78)
        }
    }
}
