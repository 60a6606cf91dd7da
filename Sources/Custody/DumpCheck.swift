/// Whether a dump has rows where its manifest has some.
///
/// A dump under row-level security ends well and holds nothing; this is the guard against it. A table's file ends with the
/// length of what was compressed, and that of an empty table is the end mark alone.
package enum DumpCheck {
    /// The end mark of a table's rows: a backslash, a dot, three line ends.
    private static let emptyLength = 5

    /// - Parameters:
    ///   - contents: what `pg_restore --list` says of the dump.
    ///   - dump: the folder of the dump; it blocks.
    ///   - manifest: what must be in it.
    /// - Returns: the tables that have rows in the manifest and none in the dump, in words.
    package static func empty(_ contents: [String], in dump: String, but manifest: Manifest) -> [String] {
        var files: [String: String] = [:]
        for line in contents {
            // 5281; 0 17256 TABLE DATA bursar invoice bursar_owner
            let words = line.split(separator: " ")
            guard words.count >= 7, words[3] == "TABLE", words[4] == "DATA", words[5] == "bursar" else { continue }
            files[String(words[6])] = "\(dump)/\(words[0].dropLast()).dat.gz"
        }
        return manifest.tables.filter { $0.rows > 0 }.compactMap { table in
            guard let file = files[table.name] else {
                return "\(table.name) has \(table.rows) rows and is not in the dump"
            }
            guard let length = try? VaultFiles.gzipLength(file), length > emptyLength else {
                return "\(table.name) has \(table.rows) rows and none in the dump"
            }
            return nil
        }
    }
}
