internal import Glibc
internal import Programs

/// Folders with all that is in them; everything here blocks.
enum FolderTree {
    /// The names in a folder, sorted; none where it is not there or cannot be read.
    static func names(in path: String) -> [String] { (try? list(path)) ?? [] }

    /// The names in a folder, sorted; none where it is not there.
    ///
    /// - Throws: `file` where it cannot be read: that is not the same as empty.
    static func list(_ path: String) throws(VaultError) -> [String] {
        guard let folder = opendir(path) else {
            if errno == ENOENT { return [] }
            throw VaultFiles.cannot("list", path)
        }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// The length of a file in bytes; nil where there is none.
    static func size(_ path: String) -> Int64? {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? Int64(status.st_size) : nil
    }

    /// Every file below a folder, by its path from there, sorted; links are not followed.
    static func files(below path: String, from start: String = "") -> [String] {
        names(in: path).flatMap { name in
            isFolder("\(path)/\(name)")
                ? files(below: "\(path)/\(name)", from: "\(start)\(name)/") : ["\(start)\(name)"]
        }
    }

    /// Makes a folder and those above it; one that is there is left as it is.
    static func make(_ path: String, mode: mode_t = 0o700) throws(VaultError) {
        var parent = ""
        let parts = path.split(separator: "/")
        for (place, part) in parts.enumerated() {
            parent += (path.hasPrefix("/") || place > 0 ? "/" : "") + part
            let isLast = place == parts.count - 1
            guard mkdir(parent, isLast ? mode : 0o755) != 0 else { continue }
            guard errno == EEXIST || access(parent, F_OK) == 0 else {
                throw VaultFiles.cannot("make the folder", parent)
            }
        }
    }

    /// Whether nobody else may put anything into a folder, or exchange what lies in it.
    static func isOwn(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR && status.st_uid == geteuid()
            && status.st_mode & (S_IWGRP | S_IWOTH) == 0
    }

    /// Removes all of it; what is not there is no fault.
    static func remove(_ path: String) {
        guard isFolder(path) else {
            unlink(path)
            return
        }
        for name in names(in: path) { remove("\(path)/\(name)") }
        rmdir(path)
    }

    /// Gives a folder and what is in it to another user, where there is one.
    static func give(_ path: String, to account: Account?) throws(VaultError) {
        guard let account, account.isOther else { return }
        guard lchown(path, account.user, account.group) == 0 else {
            throw VaultFiles.cannot("give to \(account.name)", path)
        }
        guard isFolder(path) else { return }
        for name in names(in: path) { try give("\(path)/\(name)", to: account) }
    }

    /// How many bytes a user of this machine may still write at a place; nil where that cannot be told.
    static func freeBytes(at path: String) -> Int64? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return Int64(clamping: UInt64(status.f_bavail) &* UInt64(status.f_frsize))
    }
}

/// Does what blocks on a thread of its own.
func apart<Value: Sendable>(
    _ body: @escaping @Sendable () throws(VaultError) -> Value
) async throws(VaultError) -> Value {
    let result = await onOwnThread { () -> Result<Value, VaultError> in
        Result { () throws(VaultError) -> Value in try body() }
    }
    return try result.get()
}
