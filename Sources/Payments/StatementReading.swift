internal import CivilTime
internal import Postgres

extension StatementImport {
    /// One row on its way into the database.
    enum Line: Sendable {
        case seen(SeenMoney)
        case bad(BadRow)
        case other
    }

    /// What came of reading a file to its end.
    struct Read: Sendable {
        var identity: StatementFile.Identity
        var answer: Answer
        var first: Instant?
        var last: Instant?
    }

    /// Reads a file record by record and hands on the rows that were not done yet, in batches.
    final class Reading {
        private let layout: StatementLayout
        private let account: StatementAccount
        private var csv: CSVReader
        private var rows: StatementRowReader?
        private var toSkip: Int
        private var done: Int
        private var answer: Answer
        private var lines: [Line] = []
        private var first: Instant?
        private var last: Instant?
        /// How often a row without a reference has come, by the start of its digest: the same row twice is money twice.
        private var occurrences: [UInt64: UInt16] = [:]

        init(layout: StatementLayout, account: StatementAccount, done: Answer) throws {
            self.layout = layout
            self.account = account
            csv = CSVReader(delimiter: layout.delimiter)
            toSkip = layout.skip + (layout.hasHeader ? 1 : 0)
            self.done = done.rows
            answer = done
            if !layout.hasHeader { rows = try StatementRowReader(layout, StatementColumns(layout, header: [])) }
        }

        /// `keep` is given a batch with the answer before and after it, and gives back the answer as it was kept.
        func work(
            _ file: StatementFile,
            batch: Int,
            keep: ([Line], Answer, Answer) async throws -> Answer
        ) async throws -> Read {
            let identity = try await file.read { bytes in
                try csv.read(bytes) { try take($0) }
                while lines.count >= batch { try await handOn(batch, keep) }
            }
            try csv.finish { try take($0) }
            while !lines.isEmpty { try await handOn(batch, keep) }
            if rows == nil {
                throw StatementProblem("the file has no header", remedy: "check `header` and `skip` of the layout")
            }
            return Read(identity: identity, answer: answer, first: first, last: last)
        }

        private func handOn(_ batch: Int, _ keep: ([Line], Answer, Answer) async throws -> Answer) async throws {
            let part = Array(lines.prefix(batch))
            lines.removeFirst(part.count)
            var after = answer
            for line in part {
                switch line {
                case .seen: after.good += 1
                case .other: after.other += 1
                case .bad(let row):
                    after.bad += 1
                    if after.problems.count < 20 { after.problems.append(row) }
                }
            }
            answer = try await keep(part, answer, after)
        }

        private func take(_ record: CSVReader.Record) throws {
            if toSkip > 0 {
                toSkip -= 1
                if toSkip == 0, layout.hasHeader {
                    rows = try StatementRowReader(layout, StatementColumns(layout, header: record.fields))
                }
                return
            }
            let line = line(of: record)
            // Done by an import that was broken off; it is read all the same, for the times and the occurrences.
            if done > 0 { done -= 1 } else { lines.append(line) }
        }

        private func line(of record: CSVReader.Record) -> Line {
            let content = record.fields.joined(separator: String(UnicodeScalar(layout.delimiter)))
            func bad(_ problem: String) -> Line {
                // A zero byte cannot be stored.
                let text = String(content.prefix(2000)).replacing("\0", with: "\u{FFFD}")
                return .bad(BadRow(line: record.line, problem: problem, content: text))
            }
            if let fault = record.fault { return bad(fault) }
            guard let rows else { return bad("it stands before the header") }
            if content.utf8.contains(0) { return bad("it has a zero byte") }
            do throws(StatementProblem) {
                let row = try rows.read(record.fields)
                first = min(first ?? row.occurredAt, row.occurredAt)
                last = max(last ?? row.occurredAt, row.occurredAt)
                return seen(row, content)
            } catch {
                return bad(error.message)
            }
        }

        private func seen(_ row: StatementRow, _ content: String) -> Line {
            let key = row.bankReference ?? occurrence(of: row.digest)
            guard row.way == .moneyIn || row.way == .moneyOut && row.hash != nil else { return .other }
            var seen = SeenMoney(
                issuer: account.issuer,
                account: account.id,
                kind: .statement,
                source: layout.source,
                externalKey: row.way == .moneyOut ? "out:\(key)" : key,
                currency: row.currency,
                amount: row.amount,
                occurredAt: row.occurredAt
            )
            seen.reverses = row.way == .moneyOut
            seen.md5 = row.md5
            seen.providerHash = row.hash
            seen.billNumber = row.billNumber
            seen.bankReference = row.bankReference
            seen.payer = row.payer
            seen.raw = content
            return .seen(seen)
        }

        /// The same texts in the same order have the same keys in every file that holds the whole of their day.
        private func occurrence(of digest: String) -> String {
            let start = UInt64(digest.prefix(16), radix: 16) ?? 0
            let count = (occurrences[start] ?? 0) &+ 1
            occurrences[start] = count
            return "row:\(digest):\(count)"
        }
    }
}
