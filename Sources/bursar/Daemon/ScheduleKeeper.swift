import Engine
import Logging
import Postgres
import Schedules

/// The schedule files of this node: read at start and on reload, put in force together or not at all.
actor ScheduleKeeper {
    /// What the last reading came to.
    struct Standing: Sendable {
        var paths: [String]
        var hash: String?
        /// Why the files here are not what is in force; nil where they are.
        var problem: String?
        var schedules: [Schedule] = []
    }

    private let catalogue: JobCatalogue
    private let book: ScheduleBook
    private let logger: Logger
    private(set) var standing: Standing

    init(paths: [String], catalogue: JobCatalogue, database: PostgresPool, logger: Logger) {
        self.catalogue = catalogue
        self.logger = logger
        book = ScheduleBook(database: database)
        standing = Standing(paths: paths)
    }

    /// Reads the files and puts them in force.
    ///
    /// What is wrong stays visible in `standing`, and nothing changes.
    ///
    /// - Throws: `ScheduleProblems` for the files, `CommandFailure` for an older set, `PostgresError` for the database.
    @discardableResult
    func load(by actor: String, isDeliberate: Bool = false) async throws -> ScheduleBook.Verdict {
        do {
            let set = try ScheduleSet.load(paths: standing.paths, catalogue: catalogue)
            let verdict = try await book.apply(set, by: actor, isDeliberate: isDeliberate)
            guard verdict != .older else {
                throw CommandFailure(
                    .tryAgain,
                    "these schedule files were in force once and others since: they do not come back by themselves",
                    remedy: "change the files, or put the older set in force with: bursar apply"
                )
            }
            standing = Standing(paths: standing.paths, hash: set.contentHash, schedules: set.schedules)
            logger.info(
                "schedules in force",
                metadata: ["hash": "\(set.contentHash.prefix(12))", "verdict": "\(verdict)"]
            )
            return verdict
        } catch {
            standing.problem = "\(error)"
            throw error
        }
    }
}
