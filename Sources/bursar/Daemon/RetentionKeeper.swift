import Custody
import Logging
import Synchronization

/// The retention policies of this node: read at start and on reload, put in force together or not at all.
final class RetentionKeeper: Sendable {
    private struct State {
        var policies: RetentionPolicies?
        var problem: String?
    }

    let folder: String
    private let logger: Logger
    private let state = Mutex(State())

    init(folder: String, logger: Logger) {
        self.folder = folder
        self.logger = logger
    }

    /// Those in force; nil where the file had an error from the start: then nothing is purged.
    var policies: RetentionPolicies? { state.withLock { $0.policies } }

    /// Why the file here is not what is in force; nil where it is.
    var problem: String? { state.withLock { $0.problem } }

    /// Reads the file and puts it in force; what is wrong stays visible, and nothing changes.
    ///
    /// - Throws: every problem of the file.
    func load() throws(RetentionProblems) {
        do {
            let policies = try RetentionFile.load(folder: folder)
            state.withLock { $0 = State(policies: policies) }
            logger.info("retention policies in force", metadata: ["policies": "\(policies.all.count)"])
        } catch {
            state.withLock { $0.problem = "\(error)" }
            throw error
        }
    }
}
