import Foundation
import Payments
import Postgres
import Testing
import TestSupport

/// `docs/payment-states.md` is made from the tables of states and moves.
@Suite("The page of payment states")
struct PaymentStatesPageTests {
    private static let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "docs/payment-states.md")

    @Test("It tells the states and moves that the database knows, and no others")
    func upToDate() async throws {
        try await TestDatabase.with(migrations: Till.migrations) { database in
            let (states, moves) = try await database.asSuperuser { connection in
                (
                    try await connection.query(Self.states).map(PageState.init),
                    try await connection.query(Self.moves).map(PageMove.init)
                )
            }
            let rendered = Self.render(states, moves)
            if ProcessInfo.processInfo.environment["BURSAR_RENDER"] != nil {
                try rendered.write(to: Self.page, atomically: true, encoding: .utf8)
            }
            let written = try String(contentsOf: Self.page, encoding: .utf8)
            #expect(
                written == rendered,
                "render it anew: BURSAR_RENDER=1 make test TEST_ARGS=\"--filter PaymentStatesPage\""
            )
        }
    }

    private static let states = Statement(
        "test.payment_states",
        "select machine, state, is_final, meaning from bursar.payment_state order by machine desc, place"
    )

    private static let moves = Statement(
        "test.payment_moves",
        """
        select m.machine, m.from_state, m.to_state, m.cause
        from bursar.payment_move m
        left join bursar.payment_state f on f.machine = m.machine and f.state = m.from_state
        join bursar.payment_state t on t.machine = m.machine and t.state = m.to_state
        order by m.machine desc, coalesce(f.place, 0), t.place, m.cause
        """
    )

    private static func render(_ states: [PageState], _ moves: [PageMove]) -> String {
        var lines = [
            "# The states of a payment",
            "",
            "Two machines: the **intent** is the money that is expected for an invoice, an **attempt** is one QR, one gateway",
            "transaction or one payment by hand. A failed attempt does not fail the intent: the next QR may pay it.",
            "",
            "The database holds both as tables (`bursar.payment_state`, `bursar.payment_move`) and refuses every move that is not",
            "there, whoever tries it. Each change writes an event with its cause, its source, its actor and, where a run made it,",
            "the run and the fence of its claim. This page is made from those tables.",
        ]
        for (machine, title) in [("intent", "Intents"), ("attempt", "Attempts")] {
            let own = moves.filter { $0.machine == machine }
            lines += ["", "## \(title)", "", "```mermaid", "stateDiagram-v2"]
            var seen: Set<[String]> = []
            for move in own where seen.insert([move.from, move.to]).inserted {
                let causes = own.filter { $0.from == move.from && $0.to == move.to }.map(\.cause)
                lines.append(
                    "    \(move.from == "new" ? "[*]" : move.from) --> \(move.to) : \(causes.joined(separator: ", "))"
                )
            }
            for state in states where state.machine == machine && state.isFinal {
                lines.append("    \(state.name) --> [*]")
            }
            lines += ["```", "", "| state | final | what it says |", "|---|---|---|"]
            for state in states where state.machine == machine {
                lines.append("| `\(state.name)` | \(state.isFinal ? "yes" : "") | \(state.meaning) |")
            }
            lines += ["", "| from | to | because |", "|---|---|---|"]
            for move in own {
                lines.append("| \(move.from == "new" ? "" : "`\(move.from)`") | `\(move.to)` | \(move.cause) |")
            }
        }
        lines += [
            "",
            "A final state is left only by a person's act, by money that comes late, or by money that goes back. What must always",
            "be true of both machines is proved by `bursar verify`; [payments.md](payments.md) tells it.",
            "",
        ]
        return lines.joined(separator: "\n")
    }
}

private struct PageState: Sendable {
    let machine: String
    let name: String
    let isFinal: Bool
    let meaning: String

    init(_ row: Row) throws {
        machine = try row.get("machine")
        name = try row.get("state")
        isFinal = try row.get("is_final")
        meaning = try row.get("meaning")
    }
}

private struct PageMove: Sendable {
    let machine: String
    let from: String
    let to: String
    let cause: String

    init(_ row: Row) throws {
        machine = try row.get("machine")
        from = try row.get("from_state")
        to = try row.get("to_state")
        cause = try row.get("cause")
    }
}
