internal import CivilTime
internal import Events
internal import Postgres

/// What the database keeps of statement files.
enum StatementBook {
    /// Finds the import of these bytes, or begins one.
    static func begin(
        _ account: StatementAccount,
        _ layout: StatementLayout,
        file: String,
        _ identity: StatementFile.Identity,
        in transaction: Transaction
    ) async throws -> (answer: StatementImport.Answer, isFinished: Bool) {
        let name = file.split(separator: "/").last.map(String.init) ?? file
        let rows = try await transaction.query(Statements.begin, account.id, layout.name, name, identity.digest)
        guard let row = rows.first else { throw StatementProblem("the import was not begun") }
        var answer = StatementImport.Answer()
        answer.statementImport = try row.get("id")
        answer.good = try row.get("good_rows")
        answer.bad = try row.get("bad_rows")
        answer.known = try row.get("known_rows")
        answer.other = try row.get("other_rows")
        let isFinished: Bool = try row.get("is_finished")
        let known: String = try row.get("layout")
        guard isFinished || known == layout.name else {
            throw StatementProblem(
                "the import of this file was begun with layout \(known)",
                remedy: "go on with that one"
            )
        }
        answer.wentOn = !isFinished && answer.rows > 0
        if isFinished {
            answer.coversFrom = try row.get("covers_from")
            answer.coversUntil = try row.get("covers_until")
        }
        return (answer, isFinished)
    }

    /// Writes a batch with how far the file was read; `before` must be what stands there.
    static func keep(
        _ lines: [StatementImport.Line],
        of statementImport: Int64,
        _ account: StatementAccount,
        _ before: StatementImport.Answer,
        _ after: StatementImport.Answer,
        in transaction: Transaction
    ) async throws -> StatementImport.Answer {
        var arriving: [SeenMoney] = []
        var leaving: [SeenMoney] = []
        var bad: [StatementImport.BadRow] = []
        for line in lines {
            switch line {
            case .seen(let money) where money.reverses: leaving.append(money)
            case .seen(let money): arriving.append(money)
            case .bad(let row): bad.append(row)
            case .other: break
            }
        }
        let ours = try await ours(leaving, account, in: transaction)
        let seen = arriving + ours
        var after = after
        let new = try await SeenMoney.record(seen, in: transaction)
        let strange = leaving.count - ours.count
        after.other += strange
        after.known += seen.count - new
        after.good -= strange + seen.count - new
        if !bad.isEmpty {
            _ = try await transaction.execute(
                Statements.badRows,
                statementImport,
                bad.map(\.line),
                bad.map(\.problem),
                bad.map(\.content)
            )
        }
        let moved = try await transaction.execute(
            Statements.progress,
            statementImport,
            before.rows,
            after.good,
            after.bad,
            after.known,
            after.other
        )
        guard moved == 1 else {
            throw StatementProblem("another import reads the same file now", remedy: "let that one end")
        }
        return after
    }

    /// Of money out, what may be money of ours that went back.
    private static func ours(
        _ leaving: [SeenMoney],
        _ account: StatementAccount,
        in transaction: Transaction
    ) async throws -> [SeenMoney] {
        guard !leaving.isEmpty else { return [] }
        await transaction.setRole("bursar_scan")
        let known = try await transaction.query(Statements.knownHashes, account.issuer, leaving.map(\.providerHash))
        await transaction.setRole("bursar_app")
        let hashes = Set(try known.map { try $0.get("hash", as: String.self) })
        return leaving.filter { $0.providerHash.map(hashes.contains) ?? false }
    }

    static func finish(_ answer: StatementImport.Answer, in transaction: Transaction) async throws {
        guard let id = answer.statementImport else { return }
        try await transaction.execute(Statements.finish, id, answer.coversFrom, answer.coversUntil)
        let facts = ["good": answer.good, "bad": answer.bad, "known": answer.known, "other": answer.other]
        await transaction.setRole("bursar_ops")
        let content = facts.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", ")
        try await HouseNote("statement.imported", "statement_import", id, content: JSONText("{\(content)}")).write(
            in: transaction
        )
    }

    enum Statements {
        static let account = Statement(
            "payments.statement_account",
            """
            select a.id, a.issuer_id from bursar.receiving_account a
            where a.retired_at is null and (a.account = lower($1::text) or a.id::text = $1::text)
            order by a.id
            """
        )

        /// Until an import is finished, what it covers counts for nothing.
        static let begin = Statement(
            "payments.begin_statement",
            """
            with begun as (
                insert into bursar.statement_import (account_id, layout, file_name, sha256, covers)
                values ($1::bigint, $2::text, $3::text, $4::text, tstzrange('epoch', 'epoch', '[]'))
                on conflict (account_id, sha256) do nothing
                returning *
            )
            select s.id, s.layout, s.good_rows, s.bad_rows, s.known_rows, s.other_rows, s.finished_at is not null as is_finished,
                lower(s.covers) as covers_from, upper(s.covers) as covers_until
            from (
                select * from begun
                union all
                select * from bursar.statement_import where account_id = $1::bigint and sha256 = $4::text
            ) as s
            limit 1
            """
        )

        static let knownHashes = Statement(
            "payments.known_hashes",
            """
            select h.hash from unnest($2::text[]) as h (hash)
            where exists (select from bursar.payment_match m where m.issuer_id = $1 and m.provider_hash = h.hash)
                or exists (
                    select from bursar.suspense s join bursar.observation o on o.tenant_id in (0, s.tenant_id) and o.id = s.observation_id
                    where s.issuer_id = $1 and s.resolution is null and o.provider_hash = h.hash
                )
            """
        )

        static let badRows = Statement(
            "payments.bad_rows",
            """
            insert into bursar.statement_bad_row (import_id, line, problem, content)
            select $1::bigint, b.line, b.problem, b.content from unnest($2::integer[], $3::text[], $4::text[]) as b (line, problem, content)
            on conflict do nothing
            """
        )

        static let progress = Statement(
            "payments.statement_progress",
            """
            update bursar.statement_import s
            set good_rows = $3, bad_rows = $4, known_rows = $5, other_rows = $6
            where s.id = $1 and s.finished_at is null and s.good_rows + s.bad_rows + s.known_rows + s.other_rows = $2::bigint
            """
        )

        static let finish = Statement(
            "payments.finish_statement",
            """
            update bursar.statement_import s
            set covers = tstzrange($2::timestamptz, $3::timestamptz), finished_at = bursar.business_now()
            where s.id = $1 and s.finished_at is null
            """
        )

        static let all = [account, begin, knownHashes, badRows, progress, finish]
    }
}
