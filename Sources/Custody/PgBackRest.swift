internal import JobKit
internal import Postgres
internal import Programs

/// Where pgBackRest finds a cluster and its repository.
package struct PgBackRestPlace: Equatable, Sendable {
    /// What a backup has of its own.
    package enum Kind: String, CaseIterable, Codable, Sendable {
        /// All of it.
        case full
        /// What has changed since the last full one.
        case diff
        /// What has changed since the last one of any kind.
        case incr
    }

    /// Its name for the cluster.
    package let stanza: String
    /// Its configuration file, by its full path.
    package let configuration: String
    /// What the next backup is; restoring does not ask.
    package let kind: Kind

    package init(stanza: String, configuration: String, kind: Kind = .full) {
        self.stanza = stanza
        self.configuration = configuration
        self.kind = kind
    }
}

/// pgBackRest for one stanza, called by its full path and never through a shell.
///
/// As root it is run as the server's user, as everything that touches a cluster's files.
struct PgBackRest: Sendable {
    let place: PgBackRestPlace
    let program: String
    let account: Account?
    private let tools: ServerTools

    init(_ house: BackupHouse, _ place: PgBackRestPlace) async throws(CustodyFailure) {
        self.place = place
        program = house.pgBackRest
        account = await onOwnThread { ScratchFolder.serverAccount() }
        tools = try ServerTools(version: 15, keeper: house.keeper, step: "stanza", needsPrograms: false)
    }

    /// Runs one of its commands to the end.
    ///
    /// Nothing is written to its log files: what it says stands in the attempt.
    /// - Returns: what it said on standard output, line by line.
    /// - Throws: `CustodyFailure` with the step and its last errors, where its exit code is not 0.
    @discardableResult
    func run(
        _ command: String,
        _ options: [String] = [],
        console: String = "off",
        environment: [String: String] = [:],
        step: String
    ) async throws -> [String] {
        let words =
            [
                command, "--config=\(place.configuration)", "--stanza=\(place.stanza)", "--log-level-file=off",
                "--log-level-console=\(console)", "--log-level-stderr=error",
            ] + options
        do {
            return try await tools.run(
                program,
                words,
                environment: environment,
                account: account,
                grace: .seconds(20),
                step: step
            )
        } catch let failure as CustodyFailure {
            throw CustodyFailure(step, failure.reason, isPassing: failure.isPassing || Self.isPassing(failure.reason))
        }
    }

    /// Whether trying again may help by itself: it could not reach a host, take its lock or reach the database, or a piece
    /// of the log did not come in time.
    ///
    /// Its errors have numbers: `ERROR: [082]: …`.
    static func isPassing(_ said: String) -> Bool {
        ["[049]", "[050]", "[056]", "[082]"].contains { said.contains("ERROR: \($0)") }
    }

    /// What it knows of the stanza.
    ///
    /// - Throws: at the step, where there is none or it is not in order.
    func info(step: String) async throws -> PgBackRestInfo {
        // One line of JSON, which comes in pieces where it is long.
        let text = try await run("info", ["--output=json"], step: step).joined()
        return try PgBackRestInfo.read(text, stanza: place.stanza, step: step)
    }

    /// The list of a backup's files, which pgBackRest has sealed with the repository's passphrase: how many they are, and
    /// the digest of the list.
    ///
    /// Every file is restored only if it is what the list says.
    func fileList(_ label: String, step: String) async throws -> (files: Int, sha256: String) {
        let counter = try FileListCounter()
        _ = try await tools.run(
            program,
            [
                "repo-get", "backup/\(place.stanza)/\(label)/backup.manifest", "--config=\(place.configuration)",
                "--stanza=\(place.stanza)", "--log-level-file=off", "--log-level-console=off",
                "--log-level-stderr=error",
            ],
            account: account,
            step: step,
            output: { counter.add($0) }
        )
        return counter.answer
    }
}
