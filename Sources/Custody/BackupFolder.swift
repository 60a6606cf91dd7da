internal import Glibc
internal import JobKit
internal import Postgres

/// The folder of backups on this machine: one folder a backup, which has its name only once it is whole.
///
/// Everything here blocks.
struct BackupFolder: Sendable {
    let path: String

    private static let partial = ".partial"
    private static let removing = ".removing"

    /// Where a backup is made.
    func partial(_ name: String) -> String { "\(path)/\(name)\(Self.partial)" }

    func place(_ name: String) -> String { "\(path)/\(name)" }

    /// The names of the backups that are whole, oldest first.
    ///
    /// - Throws: `file` where the folder cannot be read.
    func whole() throws(VaultError) -> [String] {
        try FolderTree.list(path).filter { name in
            !name.hasPrefix(".") && !name.hasSuffix(Self.partial) && !name.hasSuffix(Self.removing)
                && FolderTree.size("\(path)/\(name)/\(BackupIndex.file)") != nil
        }
    }

    /// Makes the folder of a new backup, with the mark of this process.
    func begin(_ name: String) throws(VaultError) -> String {
        try FolderTree.make(path)
        let partial = partial(name)
        try ProcessMark.makeFolder(partial, mode: 0o700)
        return partial
    }

    /// Makes a backup whole: from here on it has its name.
    func finish(_ name: String) throws(VaultError) {
        try VaultFiles.sync(partial(name))
        guard rename(partial(name), place(name)) == 0 else { throw VaultFiles.cannot("name", partial(name)) }
        try VaultFiles.sync(path)
        // Last: a half backup always says whose it is.
        unlink("\(place(name))/\(ProcessMark.file)")
    }

    /// Removes a backup; one that is half removed is no backup any more.
    func remove(_ name: String) throws(VaultError) {
        let going = place(name) + Self.removing
        guard rename(place(name), going) == 0 else { throw VaultFiles.cannot("remove", place(name)) }
        try VaultFiles.sync(path)
        FolderTree.remove(going)
    }

    /// Removes what processes have left behind that were killed: half backups, and those half removed.
    ///
    /// What another process of this machine works on now stays, and what another machine's may.
    /// - Returns: what was removed.
    @discardableResult
    func clear() -> [String] {
        FolderTree.names(in: path).filter { name in
            let isLeft =
                name.hasSuffix(Self.removing)
                || name.hasSuffix(Self.partial) && ProcessMark.isAbandoned("\(path)/\(name)")
            if isLeft { FolderTree.remove("\(path)/\(name)") }
            return isLeft
        }
    }

    /// Reads the index of a backup.
    ///
    /// - Throws: `file` where there is none, `damaged` where it cannot be read or names files elsewhere.
    func index(_ name: String) throws(VaultError) -> (index: BackupIndex, sha256: String) {
        let path = "\(place(name))/\(BackupIndex.file)"
        let text = try VaultFiles.smallText(path)
        guard let index: BackupIndex = try? JSONText(text).decoded(), index.isSafe, index.name == name else {
            throw VaultError(.damaged, "\(path) is no index of a backup")
        }
        return (index, VaultDigest.hexadecimal(VaultDigest.of(Array(text.utf8))))
    }
}
