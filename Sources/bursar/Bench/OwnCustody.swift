import Custody
import Engine
import FoundationEssentials
import Glibc
import JobKit
import Logging
import Postgres
import SocketLoop

/// Backups and drills as the daemon takes them: the same node, jobs, keys, fences and rows.
struct OwnCustody: Sendable {
    let cluster: BenchCluster
    let house: BackupHouse

    /// Makes the keys, and folders that are empty.
    ///
    /// - Throws: what cannot be written.
    init(_ cluster: BenchCluster) throws {
        self.cluster = cluster
        let folder = cluster.settings.database.developmentDirectory
        var house = cluster.settings.backups.house
        house.directory = "\(folder)/backups"
        house.scratch += "-bench"
        house.keyFile = "\(folder)/backup.key"
        house.recoveryKeyFile = "\(folder)/recovery.key"
        for (path, name) in [("\(folder)/backup.key", "own"), ("\(folder)/recovery.key", "recovery")] {
            let digits = (0..<8).map { _ in
                let word = String(UInt32.random(in: .min ... .max), radix: 16)
                return String(repeating: "0", count: 8 - word.count) + word
            }
            try NewFile.write("\(name) \(digits.joined())\n", to: path, force: true)
            chmod(path, 0o600)
        }
        self.house = house
    }

    /// Takes a backup, from the claim of the run to its end.
    func backUp() async throws -> Duration {
        let (took, _) = try await work("backup")
        return took
    }

    /// Proves the latest backup.
    ///
    /// - Returns: the receipt as it was written down.
    /// - Throws: `BenchFailure` where the drill did not pass.
    func drill() async throws -> RecordedDrill {
        _ = try await work("backup-verification")
        let drills = try await DatabaseSession.withLoop { loop in
            let pool = PostgresPool(cluster.settings.database.configuration(for: "bench"), size: 1, loop: loop)
            let drills = try await pool.withTransaction(BackupBook.transaction) { try await DrillBook.list(in: $0) }
            await pool.close()
            return drills
        }
        guard let drill = drills.first, drill.receipt.verdict == .pass else {
            throw BenchFailure(drills.first?.receipt.told ?? "the drill left no receipt")
        }
        return drill
    }

    private func work(_ job: String) async throws -> (Duration, String) {
        let settings = cluster.settings
        let configuration = settings.database.configuration(for: "node")
        let loop = try SocketLoop(name: "database")
        let leaseLoop = try SocketLoop(name: "lease")
        defer {
            loop.stop()
            leaseLoop.stop()
        }
        let database = PostgresPool(configuration, size: settings.nodeConnections, loop: loop)
        let leaseDatabase = PostgresPool(configuration, size: 1, loop: leaseLoop)
        let node = Node(
            settings.nodeConfiguration,
            registry: .shipped(JobParts(backups: house)),
            database: database,
            leaseDatabase: leaseDatabase,
            logger: Logger(label: "bursar")
        )
        var request = RunRequest(job: job)
        request.reason = "bursar bench"
        request.attempts = 1
        let began = ContinuousClock.now
        let run = try await node.workOnly(request, by: "operator:\(OperatorName.current)")
        let took = ContinuousClock.now - began
        let text = try await RunDesk(database: database).show(run).text
        await database.close()
        await leaseDatabase.close()
        let facts = try JSONDecoder().decode(RunFacts.self, from: Data(text.utf8))
        guard facts.state == "succeeded" else {
            throw BenchFailure("the run of \(job) ended \(facts.state): \(facts.outcome ?? "")")
        }
        return (took, facts.outcome ?? "")
    }
}
