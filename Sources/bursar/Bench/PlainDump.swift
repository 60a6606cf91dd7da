import Glibc
import Postgres
import Programs

/// What backups are held against: `pg_dump -Fd -j2` alone, of the same database by the same login, put on the disk as it
/// does by itself.
///
/// Its compression is that of our dumps: what pg_dump takes where nothing is said, gzip at zlib's own level.
struct PlainDump: Sendable {
    let cluster: BenchCluster
    let url: String
    let jobs: Int

    /// Dumps into a folder that is removed again.
    ///
    /// - Returns: what it took, and how many bytes the dump had.
    /// - Throws: `BenchFailure` with what it said.
    func run() async throws -> (took: Duration, bytes: Int) {
        let folder = "\(cluster.settings.database.developmentDirectory)/plain-dump"
        defer { Self.remove(folder) }
        let version = try await cluster.version.prefix { $0.isNumber }
        let program = Program(
            [
                "/usr/lib/postgresql/\(version)/bin/pg_dump", "--format=directory", "--jobs=\(jobs)",
                "--file=\(folder)",
                "--dbname=\(url)",
            ],
            directory: "/",
            environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"]
        )
        let began = ContinuousClock.now
        let ending = try await ProgramRunner().run(program) {
            .seconds(5)
        } line: { _, line in
            Terminal.complain("pg_dump: \(line)")
        }
        let took = ContinuousClock.now - began
        guard ending == .exited(0) else { throw BenchFailure("pg_dump failed: \(ending)") }
        return (took, Self.names(folder).reduce(0) { $0 + Self.size("\(folder)/\($1)") })
    }

    private static func remove(_ folder: String) {
        for name in names(folder) { unlink("\(folder)/\(name)") }
        rmdir(folder)
    }

    private static func size(_ path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    private static func names(_ path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
