internal import Glibc
internal import Subprocess

/// A private cluster could not be made, started or stopped.
package struct PrivateClusterError: Error, Sendable, CustomStringConvertible {
    package let message: String

    package init(_ message: String) { self.message = message }

    package var description: String { message }
}

/// The server's own programs, run as the user that the server demands.
struct ServerPrograms: Sendable {
    /// Whom the programs run as.
    struct User: Sendable {
        let name: String
        let uid: uid_t
        let gid: gid_t
        /// Somebody else than this process's own user.
        let isOther: Bool

        /// Whether the user can reach the folder's parent, and so a folder made there.
        ///
        /// Only roots ask: for oneself the answer comes with the first attempt to write.
        func canEnter(_ directory: String) -> Bool {
            guard isOther else { return true }
            var path = ""
            for part in directory.split(separator: "/").dropLast() {
                path += "/\(part)"
                var status = stat()
                guard stat(path, &status) == 0 else { return true }
                let mode = status.st_mode
                let mayEnter =
                    status.st_uid == uid
                    ? mode & S_IXUSR != 0
                    : status.st_gid == gid ? mode & S_IXGRP != 0 : mode & S_IXOTH != 0
                if !mayEnter { return false }
            }
            return true
        }
    }

    private let directory: String

    static var user: User {
        if geteuid() == 0, let entry = getpwnam("postgres") {
            return User(name: "postgres", uid: entry.pointee.pw_uid, gid: entry.pointee.pw_gid, isOther: true)
        }
        return User(name: "", uid: geteuid(), gid: getegid(), isOther: false)
    }

    /// The programs of the newest installed server.
    static func newest() throws(PrivateClusterError) -> ServerPrograms {
        let root = "/usr/lib/postgresql"
        let versions = entries(of: root).compactMap(Int.init).sorted(by: >)
        for version in versions where access("\(root)/\(version)/bin/initdb", X_OK) == 0 {
            return ServerPrograms(directory: "\(root)/\(version)/bin")
        }
        throw PrivateClusterError("no PostgreSQL server is installed; install one with `apt-get install postgresql-15`")
    }

    private static func entries(of directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
            )
        }
        return names
    }

    func run(_ program: String, _ arguments: [String], input: String = "") async throws(PrivateClusterError) {
        _ = try await checked(program, command(program, arguments), input: input)
    }

    /// For what needs this process's own rights.
    func runAsSelf(_ program: String, _ arguments: [String]) async throws(PrivateClusterError) {
        _ = try await checked(program, [program] + arguments)
    }

    func output(_ program: String, _ arguments: [String]) async throws(PrivateClusterError) -> String {
        try await checked(program, command(program, arguments))
    }

    func succeeds(_ program: String, _ arguments: [String]) async throws(PrivateClusterError) -> Bool {
        try await execute(command(program, arguments)).isSuccess
    }

    private func command(_ program: String, _ arguments: [String]) -> [String] {
        let path = "\(directory)/\(program)"
        let words = [access(path, X_OK) == 0 ? path : program] + arguments
        return Self.user.isOther ? ["runuser", "-u", Self.user.name, "--"] + words : words
    }

    private func checked(
        _ program: String,
        _ words: [String],
        input: String = ""
    ) async throws(PrivateClusterError) -> String {
        let (isSuccess, output) = try await execute(words, input: input)
        guard isSuccess else { throw PrivateClusterError("\(program) failed: \(output)") }
        return output
    }

    private func execute(
        _ words: [String],
        input: String = ""
    ) async throws(PrivateClusterError) -> (isSuccess: Bool, output: String) {
        do {
            // In a folder that every user may enter, whatever our own is.
            let result = try await Subprocess.run(
                .name("env"),
                arguments: Arguments(["-C", "/", "LC_ALL=C.UTF-8"] + words),
                input: .string(input),
                output: .string(limit: 1 << 16),
                error: .combinedWithOutput
            )
            return (result.terminationStatus.isSuccess, result.standardOutput)
        } catch {
            throw PrivateClusterError("\(words.joined(separator: " ")) could not be run: \(error)")
        }
    }
}
