internal import Glibc

extension Program {
    /// Why it could not be started as things stand; nil where nothing speaks against it.
    ///
    /// It looks with this process's own eyes, and it blocks.
    package var problem: String? {
        guard Account.canEnter(directory) else { return "its directory \(directory) cannot be entered" }
        let name = words.first ?? ""
        let places =
            name.contains("/")
            ? [name.hasPrefix("/") ? name : "\(directory)/\(name)"]
            : (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(name)" }
        guard !places.contains(where: Self.isExecutable) else { return nil }
        let sought = name.contains("/") ? "" : " in PATH (\(environment["PATH"] ?? ""))"
        return "\(name) is not there or cannot be executed\(sought)"
    }

    private static func isExecutable(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }
}

extension Account {
    /// Whether this process may make the folder its own; it blocks.
    package static func canEnter(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR && access(path, X_OK) == 0
    }
}
