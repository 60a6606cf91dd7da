import Glibc

/// A folder of its own for a test, gone afterwards with all that is in it.
package enum TestFolder {
    package static func with<Answer>(_ body: (String) async throws -> Answer) async throws -> Answer {
        var template = Array("/tmp/bursar-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw TestFolderError(description: String(cString: strerror(errno))) }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { remove(path) }
        return try await body(path)
    }

    private static func remove(_ path: String) {
        var status = stat()
        if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, let folder = opendir(path) {
            while let entry = readdir(folder) {
                let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name != ".", name != ".." { remove("\(path)/\(name)") }
            }
            closedir(folder)
        }
        // A symbolic link is no folder to go into, and is taken away itself.
        _ = Glibc.remove(path)
    }
}

package struct TestFolderError: Error, CustomStringConvertible {
    package let description: String
}
