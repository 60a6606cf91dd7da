import Engine
import Logging
import Postgres
import Schedules

/// The schedule files of this node: read at start and on reload, put in force together or not at all.
actor ScheduleKeeper {
    /// What the last reading came to.
    struct Standing: Sendable {
        var paths: [String]
        /// The hash of the files as they were last read without an error, whether or not they are in force.
        var hash: String?
        /// Why the files here are not what is in force; nil where they are.
        var problem: String?
        var schedules: [Schedule] = []
    }

    private let catalogue: JobCatalogue
    private let book: ScheduleBook
    private let node: Node
    private let logger: Logger
    private(set) var standing: Standing

    init(paths: [String], catalogue: JobCatalogue, database: PostgresPool, node: Node, logger: Logger) {
        self.catalogue = catalogue
        self.node = node
        self.logger = logger
        book = ScheduleBook(database: database)
        standing = Standing(paths: paths)
    }

    /// Reads the files and puts them in force, unless that set ever was.
    ///
    /// What is wrong stays visible in `standing`, and nothing changes.
    ///
    /// - Throws: `ScheduleProblems` for the files, `CommandFailure` for an older set, `PostgresError` for the database.
    @discardableResult
    func load(by actor: String) async throws -> ScheduleBook.Verdict {
        try await reading { set in
            let verdict = try await book.apply(set, by: actor)
            guard verdict != .older else {
                throw CommandFailure(
                    .tryAgain,
                    "these schedule files were in force once and others since: they do not come back by themselves",
                    remedy: "change the files, or put the older set in force with: bursar apply"
                )
            }
            return ScheduleBook.Applied(verdict)
        }.verdict
    }

    /// Reads the files and puts them in force on purpose: as a proposal said, or whatever they hold.
    ///
    /// - Throws: `ScheduleRefusal` where files or database are not what the proposal was made from.
    func apply(
        proposal: Int64?,
        by actor: String,
        record: @escaping ScheduleDesk.Recorder
    ) async throws -> ScheduleBook.Applied {
        try await reading { set in
            guard let proposal else { return try await book.proposeAndApply(set, by: actor, record: record) }
            return try await book.apply(proposal: proposal, files: set, by: actor, record: record)
        }
    }

    private func reading(
        _ putInForce: (ScheduleSet) async throws -> ScheduleBook.Applied
    ) async throws -> ScheduleBook.Applied {
        do {
            let set = try ScheduleSet.load(paths: standing.paths, catalogue: catalogue)
            standing.hash = set.contentHash
            let applied = try await putInForce(set)
            standing = Standing(paths: standing.paths, hash: set.contentHash, schedules: set.schedules)
            logger.info(
                "schedules in force",
                metadata: ["hash": "\(set.contentHash.prefix(12))", "verdict": "\(applied.verdict)"]
            )
            await tell(ScheduleFilesStanding(hash: set.contentHash, problem: nil))
            return applied
        } catch let problems as ScheduleProblems {
            standing.hash = nil
            standing.problem = "\(problems)"
            await tell(ScheduleFilesStanding(hash: nil, problem: "\(problems)"))
            throw problems
        } catch let refusal as ScheduleRefusal {
            // Somebody asked for an edit that is not done: these files are as they were.
            if let hash = standing.hash { await tell(ScheduleFilesStanding(hash: hash, problem: nil)) }
            throw refusal
        } catch {
            standing.problem = "\(error)"
            if let hash = standing.hash { await tell(ScheduleFilesStanding(hash: hash, problem: nil)) }
            throw error
        }
    }

    /// Lets the other nodes see which files are here; where the database is away, the next lease tells.
    private func tell(_ files: ScheduleFilesStanding) async {
        do {
            try await node.have(files)
        } catch {
            logger.notice("the other nodes do not see these schedule files yet", metadata: ["error": "\(error)"])
        }
    }
}
