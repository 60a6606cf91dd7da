import Foundation
import Testing

@testable import Notices

@Suite("docs/templates.md")
struct TemplateDocsTests {
    private static let page = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../docs/templates.md").standardizedFileURL

    /// Rows of tables whose first cell is one name, by that name.
    private func rows() throws -> [String: String] {
        let text = try String(contentsOf: Self.page, encoding: .utf8)
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| `") }
        return Dictionary(rows.map { (String($0.split(separator: "`")[1]), String($0)) }) { first, _ in first }
    }

    @Test("Every name that a template may use is in the page, with what it is and whether it may be missing")
    func names() throws {
        let rows = try rows()
        var known: Set<String> = []
        for category in NoticeCatalogue.categories {
            for variable in TemplateVariable.all(of: category) {
                known.insert(variable.name)
                if case .list = variable.kind {
                    #expect(rows[variable.name] == "| `\(variable.name)` | \(variable.meaning) | |")
                } else if variable.members.isEmpty {
                    let row = rows[variable.name] ?? ""
                    #expect(row.hasPrefix("| `\(variable.name)` | \(variable.meaning) |"), "\(variable.name): \(row)")
                } else {
                    for member in variable.members {
                        let name = "\(variable.name).\(member.name)"
                        known.insert(name)
                        let missing = member.isOptional ? "may be missing |" : "|"
                        #expect(rows[name] == "| `\(name)` | \(member.meaning) | \(missing)")
                    }
                }
            }
        }
        let parts = TemplatePart.allCases.map(\.rawValue)
        let categories = NoticeCatalogue.categories.map(\.name)
        let unknown = Set(rows.keys).subtracting(known).subtracting(parts).subtracting(categories)
        #expect(unknown.isEmpty, "names that no template may use: \(unknown)")
    }

    @Test("Every category is in the page with what it always has and what it may have")
    func categories() throws {
        let rows = try rows()
        let everywhere = Set(TemplateVariable.ofLayout.map(\.name))
        for category in NoticeCatalogue.categories {
            let own = TemplateVariable.all(of: category).filter { !everywhere.contains($0.name) }
            func list(_ isOptional: Bool) -> String {
                own.filter { $0.isOptional == isOptional }.map { "`\($0.name)`" }.joined(separator: ", ")
            }
            let row = "| `\(category.name)` | \(list(false)) | \(list(true)) |".replacing("|  |", with: "| |")
            #expect(rows[category.name] == row)
        }
    }
}
