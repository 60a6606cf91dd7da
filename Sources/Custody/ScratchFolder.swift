internal import Glibc
internal import Programs

/// The folder of one drill: all that it makes lies in it, and nothing of it outlives the drill.
///
/// `owner.json` says which process works in it; what one that was killed has left is cleared by the next. Everything here
/// blocks.
struct ScratchFolder: Sendable {
    let path: String
    /// Whom the scratch server runs as: it refuses root.
    let account: Account?

    private static let prefix = "drill-"

    var data: String { "\(path)/data" }
    var sockets: String { "\(path)/s" }
    var backup: String { "\(path)/backup" }

    /// Makes the folder; others may pass through it to what is theirs.
    init(in parent: String, named name: String, account: Account?) throws(VaultError) {
        self.account = account
        path = "\(parent)/\(Self.prefix)\(name)"
        try FolderTree.make(parent, mode: 0o711)
        guard FolderTree.isOwn(parent) else {
            throw VaultError(
                .file,
                "\(parent) is another user's, or others may write there; set backup.scratch to a folder of Bursar's own"
            )
        }
        try ProcessMark.makeFolder(path, mode: 0o711)
        for inner in [data, sockets, backup] {
            try FolderTree.make(inner)
            try FolderTree.give(inner, to: account)
        }
    }

    /// Makes the folder of a drill for the server's user.
    ///
    /// - Throws: at the step, where it cannot be made.
    static func make(
        _ house: BackupHouse,
        _ name: String,
        step phase: String
    ) async throws(CustodyFailure) -> ScratchFolder {
        let scratch = house.scratch
        return try await step(phase) { () throws(VaultError) in
            try ScratchFolder(in: scratch, named: name, account: serverAccount())
        }
    }

    /// Whether the server of this folder says that it takes writes: the last line of its own file.
    var isServerReady: Bool {
        guard let text = try? VaultFiles.smallText("\(data)/postmaster.pid") else { return false }
        return text.split(separator: "\n").last?.split(separator: " ").first == "ready"
    }

    /// Whom a server of this machine runs as where this process is root: the user that the packages make.
    static func serverAccount() -> Account? { geteuid() == 0 ? Account.named("postgres") : nil }

    /// Ends a server that still runs in a folder, and removes the folder with all that is in it.
    static func remove(_ path: String) {
        if let server = server(in: path) {
            kill(server, SIGQUIT)
            for _ in 0..<100 where ProcessMark.startTime(of: server) != nil { usleep(50_000) }
            if self.server(in: path) == server { kill(server, SIGKILL) }
        }
        FolderTree.remove(path)
    }

    /// Removes the folders of drills whose process has certainly ended.
    /// - Returns: what was removed.
    @discardableResult
    static func clear(_ parent: String) -> [String] {
        FolderTree.names(in: parent).filter { name in
            let path = "\(parent)/\(name)"
            guard name.hasPrefix(prefix), FolderTree.isFolder(path), ProcessMark.isAbandoned(path) else {
                return false
            }
            remove(path)
            return true
        }
    }

    /// The server of a folder: the process that its own file names, where that was started on this very folder.
    private static func server(in path: String) -> Int32? {
        guard let text = try? VaultFiles.smallText("\(path)/data/postmaster.pid"),
            let process = text.split(separator: "\n").first.flatMap({ Int32($0) }), process > 1
        else { return nil }
        let words = ProcessMark.words(of: process)
        return words.first?.hasSuffix("/postgres") == true && words.contains("\(path)/data") ? process : nil
    }
}
