internal import Glibc

/// The schedule files of a folder, and their bytes.
///
/// What cannot be read becomes a problem like any other.
package enum ScheduleFiles {
    private static let endings = [".yaml", ".yml"]

    /// The files of these paths, each once, in the order of the paths and by name within a folder.
    static func list(_ paths: [String], _ problems: inout [FileProblem]) -> [String] {
        var files: [String] = []
        for path in paths {
            let found = isFolder(path) ? filesOfFolder(path, &problems) : [path]
            files += found.filter { !files.contains($0) }
        }
        if paths.isEmpty {
            let remedy = "name a schedule file or a folder of them"
            problems.append(FileProblem(at: SourcePosition(file: "schedules"), "no path was given", remedy: remedy))
        }
        return files
    }

    /// The file's text.
    package static func text(of file: String, _ problems: inout [FileProblem]) -> String? {
        let position = SourcePosition(file: file)
        guard let bytes = bytes(of: file, &problems) else { return nil }
        guard bytes.count <= ScheduleLimits.fileBytes else {
            let message = "the file is larger than \(ScheduleLimits.fileBytes) bytes"
            problems.append(FileProblem(at: position, message, remedy: "split it into several files"))
            return nil
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let valid = validPrefix(of: bytes)
            let lines = valid.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            let column = String(decoding: lines.last ?? [], as: UTF8.self).unicodeScalars.count + 1
            let place = SourcePosition(file: file, line: lines.count, column: column)
            let remedy = "save it as UTF-8"
            problems.append(FileProblem(at: place, "the file is not UTF-8 from this byte on", remedy: remedy))
            return nil
        }
        return text
    }

    /// Whether there is a folder of this path.
    package static func isFolder(_ path: String) -> Bool { kind(of: path) == S_IFDIR }

    /// Whether there is a file of this path.
    package static func isFile(_ path: String) -> Bool { kind(of: path) == S_IFREG }

    /// Whether there is anything of this path, or something that may not be looked at.
    package static func isThere(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 || (errno != ENOENT && errno != ENOTDIR)
    }

    private static func kind(of path: String) -> mode_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
    }

    private static func filesOfFolder(_ path: String, _ problems: inout [FileProblem]) -> [String] {
        guard let files = yamlFiles(of: path, &problems) else { return [] }
        if files.isEmpty {
            let remedy = "put a file there, or name another folder"
            let position = SourcePosition(file: path)
            problems.append(FileProblem(at: position, "the folder has no schedule files (.yaml)", remedy: remedy))
        }
        return files
    }

    /// The YAML files that lie in a folder itself, by name, those that are hidden left out; nil after a problem.
    package static func yamlFiles(of path: String, _ problems: inout [FileProblem]) -> [String]? {
        guard let folder = opendir(path) else {
            problems.append(systemProblem(SourcePosition(file: path), "the folder cannot be read", errno))
            return nil
        }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix("."), endings.contains(where: name.hasSuffix) { names.append(name) }
        }
        let prefix = path.hasSuffix("/") ? path : path + "/"
        return names.sorted().map { prefix + $0 }
    }

    /// At most one byte more than a file may have.
    private static func bytes(of file: String, _ problems: inout [FileProblem]) -> [UInt8]? {
        let position = SourcePosition(file: file)
        // Not to hang on a named pipe.
        let descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            problems.append(systemProblem(position, "the file cannot be read", errno))
            return nil
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while bytes.count <= ScheduleLimits.fileBytes {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                problems.append(systemProblem(position, "the file cannot be read", errno))
                return nil
            }
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return bytes
    }

    private static func systemProblem(_ position: SourcePosition, _ message: String, _ code: Int32) -> FileProblem {
        let reason = String(cString: strerror(code))
        let remedy =
            switch code {
            case ENOENT: "check the path"
            case EACCES, EPERM: "let the user Bursar runs as read it"
            default: "check the path and its permissions"
            }
        return FileProblem(at: position, "\(message): \(reason)", remedy: remedy)
    }

    /// The bytes before the first one that is not UTF-8.
    private static func validPrefix(of bytes: [UInt8]) -> ArraySlice<UInt8> {
        var iterator = bytes.makeIterator()
        var decoder = UTF8()
        var length = 0
        while case .scalarValue(let scalar) = decoder.decode(&iterator) {
            length += UTF8.width(scalar)
        }
        return bytes[..<length]
    }
}
