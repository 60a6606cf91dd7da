internal import FoundationEssentials
internal import Testing

@Suite("docs/web-application.md")
struct ContractDocumentTests {
    private static var page: String {
        get throws {
            let top = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(
                separator: "/"
            )
            return String(
                decoding: try Data(contentsOf: URL(filePath: "\(top)/docs/web-application.md")),
                as: UTF8.self
            )
        }
    }

    /// The blocks of a language, in order.
    private static func blocks(_ language: String) throws -> [String] {
        try page.split(separator: "\n```\(language)\n").dropFirst().map { piece in
            String(piece.prefix(upTo: piece.firstRange(of: "\n```")?.lowerBound ?? piece.endIndex))
        }
    }

    @Test("Its SQL runs from top to bottom as bursar_client, and twice")
    func sqlRuns() async throws {
        let script = try Self.blocks("sql").joined(separator: "\n")
        #expect(script.contains("bursar.subscribe("))
        try await withEmptySchema { client in
            _ = try await client.value(script)
            let subscription = try await client.value("select id, state, plan from bursar.client_subscription")
            _ = try await client.value(script)
            #expect(try await client.value("select id, state, plan from bursar.client_subscription") == subscription)
        }
    }

    @Test("The SQL inside of its PHP is what the database understands, with the parameters that PHP binds")
    func phpSQLIsUnderstood() async throws {
        let php = try Self.blocks("php").joined(separator: "\n")
        let statements = php.split(separator: "<<<'SQL'\n").dropFirst().map { piece in
            piece.prefix(upTo: piece.firstRange(of: /\n +SQL\)/)?.lowerBound ?? piece.endIndex)
        }
        #expect(statements.count == 4)
        try await withEmptySchema { client in
            for (place, statement) in statements.enumerated() {
                var names: [Substring] = []
                let numbered = statement.replacing(/([^:]):([a-z]+)/) { match in
                    if !names.contains(match.2) { names.append(match.2) }
                    return "\(match.1)$\((names.firstIndex(of: match.2) ?? 0) + 1)"
                }
                let answer = try await client.run("prepare statement_\(place) as \(numbered);")
                #expect(answer.complaint.isEmpty, "\(numbered): \(answer.complaint)")
                for name in names { #expect(php.contains("'\(name)' =>"), "\(name) is not bound") }
            }
        }
    }

    @Test("It tells of every function and view of the contract")
    func namesEverything() async throws {
        let page = try Self.page
        try await withEmptySchema { client in
            let known = try await behindTheWall(
                client,
                """
                select p.proname from pg_proc p
                where p.pronamespace = 'bursar'::regnamespace and p.prosecdef and has_function_privilege('bursar_client', p.oid, 'execute')
                union all select c.relname from pg_class c
                where c.relnamespace = 'bursar'::regnamespace and c.relkind = 'v' and has_table_privilege('bursar_client', c.oid, 'select')
                """
            )
            for name in known.split(separator: "\n") {
                #expect(page.contains("| `\(name)"), "\(name) is not on the page")
            }
        }
    }

    @Test("It tells of every setting of a policy")
    func namesEverySetting() async throws {
        let page = try Self.page
        try await withEmptySchema { client in
            let refusal = try await client.run(
                "select bursar.create_issuer('A', 'A'); select bursar.create_policy(1, '{\"unknown\": 1}')"
            )
            let hint = refusal.complaint.split(separator: "known keys: ").last?.prefix { $0 != "\n" } ?? ""
            let settings = hint.split(separator: ", ")
            #expect(settings.count > 10)
            for setting in settings { #expect(page.contains("`\(setting)`"), "\(setting) is not on the page") }
        }
    }
}
