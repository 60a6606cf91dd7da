import Foundation
import Schedules
import Testing

@testable import Notices

/// A folder of templates that is removed with its test.
struct TemplateFolderOfTest {
    let path: String

    init(_ files: [String: String]) throws {
        path = FileManager.default.temporaryDirectory.appending(path: "bursar-templates-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for (name, text) in files {
            let file = URL(filePath: "\(path)/\(name)")
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data(text.utf8).write(to: file)
        }
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }

    /// Runs a body with a folder of these files.
    static func with<Result>(_ files: [String: String], _ body: (String) throws -> Result) throws -> Result {
        let folder = try TemplateFolderOfTest(files)
        defer { folder.remove() }
        return try body(folder.path)
    }

    /// The problems that a template of `final` has, without the folder's path.
    static func problems(_ text: String, name: String = "global/en/final.mustache") throws -> [String] {
        try with([name: text]) { folder in
            do throws(TemplateProblems) {
                _ = try TemplateBook.load(folder: folder)
                return []
            } catch {
                return error.problems.map { $0.description.replacing("\(folder)/", with: "") }
            }
        }
    }
}

extension TemplateBook {
    private static let loaded = Result { try TemplateBook.load(folder: nil) }

    /// The shipped templates, read once.
    static var shipped: TemplateBook {
        get throws { try loaded.get() }
    }
}

extension NoticeFacts {
    static func sample(
        _ category: String,
        _ sample: TemplateSample = .whole,
        locale: String = "en"
    ) throws -> NoticeFacts {
        sample.facts(of: try #require(NoticeCatalogue.category(named: category)), locale: locale)
    }
}
