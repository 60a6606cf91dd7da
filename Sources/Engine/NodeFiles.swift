package import Postgres
internal import Synchronization

/// Which schedule files a node has.
package struct ScheduleFilesStanding: Equatable, Sendable {
    /// The hash of the set; nil where the files cannot be read.
    package let hash: String?
    /// What is wrong with the files, in words; nil where they can be read.
    package let problem: String?

    package init(hash: String?, problem: String?) {
        self.hash = hash
        self.problem = problem
    }
}

/// What a node last read of its schedule files, so that every lease of it tells.
final class NodeFiles: Sendable {
    private let state = Mutex<ScheduleFilesStanding?>(nil)

    var standing: ScheduleFilesStanding? {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}

extension NodeStore {
    /// Writes down which schedule files a node has, and since when; a node that has no lease yet tells with its next one.
    package func tellFiles(_ standing: ScheduleFilesStanding, of node: String) async throws {
        try await database.withTransaction(.engine) { transaction in
            _ = try await transaction.execute(FilesStatements.tell, node, standing.hash, standing.problem)
        }
    }

    package enum FilesStatements {
        static let tell = Statement(
            "engine.tell_schedule_files",
            """
            update bursar.node
            set schedule_set = $2, schedule_problem = $3,
                schedule_set_at = case
                    when (schedule_set, schedule_problem is null) is distinct from ($2, $3::text is null) then clock_timestamp()
                    else schedule_set_at
                end
            where id = $1
            """
        )

        package static let all = [tell]
    }
}
