import Foundation
import Testing

@testable import Notices

@Suite("The page of notices")
struct NoticesPageTests {
    private static var page: String {
        get throws {
            let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().appending(path: "docs/notices.md")
            return try String(contentsOf: file, encoding: .utf8)
        }
    }

    @Test("docs/notices.md has every state with the meaning that the database gives it")
    func states() async throws {
        try await Letterbox.open(tenants: 1) { box in
            let rows = try await box.list("select state, meaning from bursar.notice_state order by place")
            let lines = rows.map { row in
                let parts = row.split(separator: "|", maxSplits: 1)
                return "| `\(parts[0])` | \(parts[1]) |"
            }
            let page = try Self.page
            #expect(page.contains(lines.joined(separator: "\n") + "\n\n"), "\(lines)")
        }
    }

    @Test("It has a row for every reason", arguments: NoticeReason.allCases)
    func reasons(_ reason: NoticeReason) throws {
        let rows = try Self.page.split(separator: "\n").filter { $0.hasPrefix("| `") }
        let first = rows.compactMap { $0.split(separator: "|").first }
        #expect(first.contains { $0.contains("`\(reason.rawValue)`") })
    }
}
