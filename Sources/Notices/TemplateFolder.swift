internal import Glibc
package import Schedules

extension TemplateBook {
    /// The shipped templates, and over them those of a folder: `global/LOCALE/CATEGORY.mustache` and
    /// `tenants/REFERENCE/LOCALE/CATEGORY.mustache`; `layout.mustache` is the frame of mail.
    ///
    /// - Throws: everything that is wrong with the templates; nothing is half loaded.
    package static func load(folder: String?) throws(TemplateProblems) -> TemplateBook {
        let (book, problems) = loadUsable(folder: folder)
        guard problems.isEmpty else { throw TemplateProblems(problems) }
        return book
    }

    /// The same without the templates that have problems: in their place the next in order is used, and each use says so.
    ///
    /// For a daemon, which must not fall silent over one tenant's file.
    package static func loadUsable(folder: String?) -> (book: TemplateBook, problems: [FileProblem]) {
        var loader = TemplateLoader()
        loader.addShipped()
        if let folder { loader.addFolder(folder) }
        loader.trySamples()
        return (TemplateBook(files: loader.files, broken: loader.broken), loader.problems.sorted())
    }
}

/// The names in a folder of templates.
enum TemplateFolder {
    static let ending = ".mustache"

    /// How the folder of a tenant is called: its external reference, in which `%`, `/` and a leading point are written as
    /// `%25`, `%2F` and `%2E`.
    static func name(of reference: String) -> String {
        let name = reference.replacing("%", with: "%25").replacing("/", with: "%2F")
        return name.hasPrefix(".") ? "%2E" + name.dropFirst() : name
    }

    static func isLocale(_ name: String) -> Bool {
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        let isLower: (Substring) -> Bool = { $0.utf8.allSatisfy { (97...122).contains($0) } }
        let isTag: (Substring) -> Bool = { part in
            (2...8).contains(part.count) && part.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) }
        }
        guard let language = parts.first, (2...3).contains(language.count), isLower(language) else { return false }
        return parts.dropFirst().allSatisfy(isTag)
    }

    /// The visible entries of a folder, in order; nil where it cannot be read.
    static func entries(of path: String) -> [String]? {
        guard let folder = opendir(path) else { return nil }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }
}

/// Reads templates and tries each with the sample of its category.
private struct TemplateLoader {
    private(set) var files: [TemplateBook.Key: TemplateFile] = [:]
    private(set) var broken: [TemplateBook.Key: String] = [:]
    private(set) var problems: [FileProblem] = []
    private var paths: [TemplateBook.Key: String] = [:]
    private var shipped: [TemplateBook.Key: TemplateFile] = [:]
    private static let shippedFolder = "(shipped) "

    mutating func addShipped() {
        for shipped in ShippedTemplates.all {
            let key = TemplateBook.Key(tenant: nil, locale: shipped.locale, name: shipped.name)
            add(String(decoding: shipped.bytes, as: UTF8.self), key, file: Self.shippedFolder + shipped.file)
        }
        shipped = files
    }

    mutating func addFolder(_ folder: String) {
        for name in entries(of: folder) {
            switch name {
            case "global": addLocales(in: "\(folder)/global", tenant: nil)
            case "tenants":
                let tenants = "\(folder)/tenants"
                for tenant in entries(of: tenants) { addLocales(in: "\(tenants)/\(tenant)", tenant: tenant) }
            default:
                if name.hasSuffix(".md") { continue }
                let remedy = "a folder of templates has the folders global and tenants"
                report("\(folder)/\(name)", "\(name) is not looked for here", remedy)
            }
        }
    }

    private func isShipped(_ key: TemplateBook.Key) -> Bool {
        shipped[key] != nil && paths[key]?.hasPrefix(Self.shippedFolder) == true
    }

    private mutating func addLocales(in folder: String, tenant: String?) {
        for locale in entries(of: folder) {
            guard TemplateFolder.isLocale(locale) else {
                report(
                    "\(folder)/\(locale)",
                    "\(locale) is no locale",
                    "name the folder by a small language tag, such as km or en"
                )
                continue
            }
            for name in entries(of: "\(folder)/\(locale)") {
                addFile("\(folder)/\(locale)/\(name)", name, tenant: tenant, locale: locale)
            }
        }
    }

    private mutating func addFile(_ path: String, _ fileName: String, tenant: String?, locale: String) {
        let names = NoticeCatalogue.categories.map(\.name) + [TemplateFile.layoutName]
        let name =
            fileName.hasSuffix(TemplateFolder.ending)
            ? String(fileName.dropLast(TemplateFolder.ending.count)) : fileName
        guard names.contains(name) || NoticeCatalogue.category(ofTemplate: name) != nil,
            fileName.hasSuffix(TemplateFolder.ending)
        else {
            let nearest = Spelling.suggestion(for: name, among: names).map { $0 + " " } ?? ""
            let remedy =
                "\(nearest)templates are named CATEGORY\(TemplateFolder.ending): \(names.joined(separator: ", "))"
            return report(path, "\(fileName) is no template", remedy)
        }
        let key = TemplateBook.Key(tenant: tenant, locale: locale, name: name)
        var found: [FileProblem] = []
        guard let text = ScheduleFiles.text(of: path, &found) else { return fail(key, found) }
        add(text, key, file: path)
    }

    private mutating func add(_ text: String, _ key: TemplateBook.Key, file: String) {
        paths[key] = file
        let category = NoticeCatalogue.category(ofTemplate: key.name)
        do throws(TemplateProblems) {
            let kind = category.map { TemplateKind.category($0) } ?? .layout
            files[key] = try TemplateFile(text, kind: kind, source: key.source, file: file)
            broken[key] = nil
        } catch {
            fail(key, error.problems)
        }
    }

    /// Renders every template of the folder with each sample of its category; tests do it with the shipped ones.
    mutating func trySamples() {
        let book = TemplateBook(files: files)
        for key in files.keys.sorted(by: { $0.source < $1.source }) {
            guard let category = NoticeCatalogue.category(ofTemplate: key.name), let file = files[key], !isShipped(key)
            else { continue }
            let layout = book.layout(for: key, tenant: nil).file
            let path = paths[key] ?? key.source
            let found = TemplateTrial(key: key, file: file, layout: layout, category: category, path: path).problems()
            if !found.isEmpty { fail(key, found) }
        }
    }

    /// In the place of a broken template of the folder stands the shipped one, if there is one.
    private mutating func fail(_ key: TemplateBook.Key, _ found: [FileProblem]) {
        problems += found
        files[key] = shipped[key]
        broken[key] = found.first.map { "\($0.position): \($0.message)" } ?? "it cannot be read"
    }

    private mutating func entries(of path: String) -> [String] {
        guard let names = TemplateFolder.entries(of: path) else {
            report(
                path,
                "the folder cannot be read: \(String(cString: strerror(errno)))",
                "name a folder that is there"
            )
            return []
        }
        return names
    }

    private mutating func report(_ path: String, _ message: String, _ remedy: String) {
        problems.append(FileProblem(at: SourcePosition(file: path), message, remedy: remedy))
    }
}
