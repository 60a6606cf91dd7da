internal import Glibc

/// A PostgreSQL cluster of one's own: for `bursar dev`, `make run` and the tests.
///
/// It listens on a unix socket alone, in a folder that only its owner may enter, and trusts whoever comes through it.
///
/// As root all of the server's programs run as the `postgres` user, which they demand; the folders are then its.
package struct PrivateCluster: Sendable {
    /// Where it lies, and how it is set up.
    package struct Settings: Sendable {
        /// Holds the data, the log and nothing else.
        package var directory: String
        /// Holds the socket.
        ///
        /// Short: a socket's path has 107 bytes.
        package var socketDirectory: String
        /// Part of the socket's name.
        package var port = 5432
        /// False for clusters whose data may be lost with the machine's power: tests.
        ///
        /// A killed server loses nothing.
        package var fsync = true
        /// Lines for postgresql.conf.
        package var parameters: [String: String] = ["shared_buffers": "128MB", "max_connections": "100"]

        package init(directory: String, socketDirectory: String) {
            self.directory = directory
            self.socketDirectory = socketDirectory
        }
    }

    /// How a server is stopped: after ending the sessions in an orderly way, or at once as if power had failed.
    package enum StopMode: String, Sendable {
        case fast, immediate
    }

    /// What a cluster is doing.
    package enum Status: Sendable {
        case absent, stopped, running
    }

    package let settings: Settings
    let programs: ServerPrograms

    /// - Throws: `PrivateClusterError` when PostgreSQL is not installed or a path is unusable.
    package init(_ settings: Settings) throws(PrivateClusterError) {
        self.settings = settings
        programs = try ServerPrograms.newest()
        let socket = "\(settings.socketDirectory)/.s.PGSQL.\(settings.port)"
        guard socket.utf8.count <= 107 else {
            throw PrivateClusterError(
                "the socket's path \(socket) has \(socket.utf8.count) bytes and the system allows 107;"
                    + " choose a shorter run directory"
            )
        }
    }

    /// Where a cluster of a project lies: in the wanted folder, or under /var/tmp where the server's user cannot enter
    /// that one.
    ///
    /// The socket lies in a short folder of its own.
    package static func settings(preferring directory: String) -> Settings {
        let owner = ServerPrograms.user
        let place = owner.canEnter(directory) ? directory : "/var/tmp/bursar-\(Self.digest(directory))"
        let run = "/tmp/bursar-\(getuid())-\(Self.digest(directory))"
        return Settings(directory: place, socketDirectory: run)
    }

    /// A short name for a path, the same on every run.
    private static func digest(_ path: String) -> String {
        let checksum = Migration(number: 1, name: "", up: path, down: "").checksum
        return String(checksum.prefix(10))
    }

    package var dataDirectory: String { "\(settings.directory)/data" }

    package var logFile: String { "\(settings.directory)/server.log" }

    /// The URL of a database, as a login.
    package func url(database: String = "postgres", user: String = "postgres") -> String {
        "postgresql://\(user)@/\(database)?host=\(settings.socketDirectory)&port=\(settings.port)"
    }
}

// MARK: - Life

extension PrivateCluster {
    /// Creates the cluster where it is missing, and starts the server where it does not run.
    ///
    /// Returns once the server takes connections.
    package func start() async throws {
        switch try await status() {
        case .running: return
        case .absent: try await create()
        case .stopped: break
        }
        try prepareSocketDirectory()
        try await launch()
    }

    /// Stops the server, if it runs.
    package func stop(_ mode: StopMode = .fast) async throws {
        guard try await status() == .running else { return }
        try await control("stop", "-m", mode.rawValue)
    }

    /// Stops the server and starts it again.
    package func restart(_ mode: StopMode = .fast) async throws {
        try await stop(mode)
        try await start()
    }

    package func status() async throws -> Status {
        guard try await programs.succeeds("test", ["-s", "\(dataDirectory)/PG_VERSION"]) else { return .absent }
        // pg_ctl answers 3 for a server that does not run.
        return try await programs.succeeds("pg_ctl", ["status", "-D", dataDirectory]) ? .running : .stopped
    }

    /// Stops the server at once and removes all of its files.
    package func destroy() async throws {
        try? await stop(.immediate)
        try await programs.runAsSelf("rm", ["-rf", settings.directory, settings.socketDirectory])
    }

    /// The server's process, while it runs.
    package func serverProcess() async throws -> Int32? {
        let text = try? await programs.output("head", ["-n", "1", "\(dataDirectory)/postmaster.pid"])
        return text.flatMap { Int32($0.filter(\.isNumber)) }
    }

    /// Made beside its place and moved there when it is whole, so that one that was interrupted is made anew.
    private func create() async throws {
        try makeDirectory(settings.directory)
        let unfinished = "\(settings.directory)/unfinished"
        try await programs.run("rm", ["-rf", unfinished])
        let initial = ["-D", unfinished, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
        let safety = settings.fsync ? ["--data-checksums"] : ["--no-sync"]
        try await programs.run("initdb", initial + ["--no-instructions"] + safety)
        try await programs.run("tee", ["-a", "\(unfinished)/postgresql.conf"], input: configurationText)
        try await programs.run("mv", ["-T", unfinished, dataDirectory])
    }

    private var configurationText: String {
        var parameters = [
            "listen_addresses": "",
            "unix_socket_directories": settings.socketDirectory,
            "unix_socket_permissions": "0700",
            "port": String(settings.port),
            "timezone": "UTC",
            "log_timezone": "UTC",
        ]
        // A reader of the socket as root connects whatever the permissions say; another user's program needs them.
        if ServerPrograms.user.isOther { parameters["unix_socket_permissions"] = "0777" }
        if !settings.fsync {
            parameters.merge(["fsync": "off", "full_page_writes": "off"]) { _, new in new }
        }
        parameters.merge(settings.parameters) { _, new in new }
        return parameters.sorted { $0.key < $1.key }
            .map {
                "\($0.key) = '\($0.value.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''"))'\n"
            }
            .joined()
    }

    /// pg_ctl waits until the server takes connections.
    func launch() async throws {
        let options = "-c unix_socket_directories=\(settings.socketDirectory) -c port=\(settings.port)"
        do {
            try await control("start", "-l", logFile, "-o", options, "-t", "60")
        } catch let error as PrivateClusterError {
            let log = (try? await programs.output("tail", ["-n", "20", logFile])) ?? ""
            throw PrivateClusterError("\(error.message)\n\(log)")
        }
    }

    func control(_ arguments: String...) async throws {
        try await programs.run("pg_ctl", [arguments[0], "-D", dataDirectory, "-w"] + arguments.dropFirst())
    }

    func prepareSocketDirectory() throws(PrivateClusterError) {
        try makeDirectory(settings.socketDirectory)
        let socket = "\(settings.socketDirectory)/.s.PGSQL.\(settings.port)"
        // A crashed server leaves its socket and lock behind; the data folder's own lock tells whether one runs.
        unlink(socket)
        unlink(socket + ".lock")
    }

    /// Makes a folder that belongs to the server's user and that nobody else may enter.
    func makeDirectory(_ path: String) throws(PrivateClusterError) {
        let owner = ServerPrograms.user
        try makeParents(of: path)
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw Self.cannotMake(path) }
        // It may lie in a place that everybody can write to: one that somebody else made there is not trusted.
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR,
            status.st_uid == owner.uid || status.st_uid == geteuid()
        else { throw PrivateClusterError("\(path) is there already and is no folder of the server's user; remove it") }
        guard status.st_uid == owner.uid || chown(path, owner.uid, owner.gid) == 0,
            status.st_mode & 0o077 == 0 || chmod(path, 0o700) == 0
        else { throw Self.cannotMake(path) }
    }

    private func makeParents(of path: String) throws(PrivateClusterError) {
        var parent = ""
        for part in path.split(separator: "/").dropLast() {
            parent += "/\(part)"
            if access(parent, F_OK) != 0, mkdir(parent, 0o755) != 0, errno != EEXIST { throw Self.cannotMake(parent) }
        }
    }

    private static func cannotMake(_ path: String) -> PrivateClusterError {
        PrivateClusterError("cannot make the folder \(path): \(String(cString: strerror(errno)))")
    }
}
