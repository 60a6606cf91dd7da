import Logging
import Synchronization
import Webhooks

/// The webhook sources of this node: read at start and on reload, put in force together or not at all.
final class WebhookKeeper: Sendable {
    /// What the last reading came to.
    struct Standing: Sendable {
        /// Those in force.
        var sources: WebhookSources?
        /// Why the file here is not what is in force; nil where it is.
        var problem: String?
    }

    /// Null where none is configured.
    let file: String?
    private let intake: WebhookIntake?
    private let logger: Logger
    private let state = Mutex(Standing())

    init(file: String?, intake: WebhookIntake?, logger: Logger) {
        self.file = file
        self.intake = intake
        self.logger = logger
        // Without a file there is nothing to read, and so no address to post to.
        if file == nil { use(WebhookSources([], file: "")) }
    }

    var standing: Standing { state.withLock { $0 } }

    /// The sources in force, for whoever reads stored posts by them.
    var sources: WebhookSources? { state.withLock { $0.sources } }

    /// Reads the file and its secrets, and puts them in force; what is wrong stays visible, and nothing changes.
    ///
    /// - Throws: every problem of the file.
    func load() throws(SourceProblems) {
        guard let file else { return }
        do {
            let sources = try WebhookSources.load(file)
            use(sources)
            logger.info("webhook sources in force", metadata: ["file": "\(file)", "sources": "\(sources.all.count)"])
        } catch {
            state.withLock { $0.problem = "\(error)" }
            throw error
        }
    }

    private func use(_ sources: WebhookSources) {
        state.withLock { $0 = Standing(sources: sources) }
        intake?.use(sources)
    }
}
