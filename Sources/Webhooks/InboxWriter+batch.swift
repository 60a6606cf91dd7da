internal import Logging
internal import Metrics
internal import Postgres

/// How a batch is stored.
extension InboxWriter {
    /// Stores a batch and tells every post of it what became of it.
    func store(_ batch: [Entry]) async {
        do {
            try await storeTogether(batch)
        } catch let error as PostgresError where error.isTransient {
            // The connection broke, or the server is away for a moment. What was stored all the same is found by its key.
            await storeOnceMore(batch)
        } catch {
            guard batch.count > 1 else { return fail(batch, error) }
            for entry in batch { await storeAlone(entry) }
        }
    }

    private func storeOnceMore(_ batch: [Entry]) async {
        do {
            try await storeTogether(batch)
        } catch {
            fail(batch, error)
        }
    }

    /// One post of the batch may be what the server refuses: the others must not suffer for it.
    private func storeAlone(_ entry: Entry) async {
        do {
            try await storeTogether([entry])
        } catch {
            fail([entry], error)
        }
    }

    private func fail(_ batch: [Entry], _ error: any Error) {
        logger.warning("\(batch.count) posts could not be stored: \(error)")
        if let error = error as? PostgresError, error.isTransient { standing.failed("\(error)") }
        for entry in batch { entry.completion(.failed("\(error)")) }
    }

    private func storeTogether(_ batch: [Entry]) async throws {
        var known: Set<ArrivedPost.Key> = []
        let firsts = batch.filter { known.insert($0.post.key).inserted }
        let isNew = try await insert(firsts.map(\.post))
        standing.heard()
        Counter(label: "bursar_webhook_commits_total").increment()
        Counter(label: "bursar_webhook_committed_posts_total").increment(by: batch.count)
        if firsts.count == batch.count, isNew == nil {
            for entry in batch { entry.completion(.stored) }
        } else {
            try await tell(batch, isNew ?? known)
        }
        if isNew?.isEmpty != true { ring() }
    }

    /// Inserts posts with keys of their own, and answers the keys of those that were new; nil where all were.
    private func insert(_ posts: [ArrivedPost]) async throws -> Set<ArrivedPost.Key>? {
        var bodies: [UInt8] = []
        bodies.reserveCapacity(posts.reduce(0) { $0 + $1.body.count })
        var (starts, lengths) = ([Int](), [Int]())
        for post in posts {
            starts.append(bodies.count + 1)
            lengths.append(post.body.count)
            bodies += post.body
        }
        let bound = InboxStatements.store.bind(
            bodies,
            posts.map(\.source),
            posts.map(\.eventID),
            starts,
            lengths,
            posts.map(\.headers),
            posts.map(\.contentType),
            posts.map(\.scheme),
            posts.map(\.secret),
            posts.map(\.address)
        )
        // Without a transaction block the two are one transaction, and one round trip.
        let answers = try await database.withConnection { connection in
            try await connection.pipeline([TransactionStatements.role.bind("bursar_listener"), bound])
        }
        guard let rows = answers.last, rows.count < posts.count else { return nil }
        var new: Set<ArrivedPost.Key> = []
        for row in rows { new.insert(ArrivedPost.Key(source: try row.get(0), eventID: try row.get(1))) }
        return new
    }

    /// Tells the posts of a batch apart: the first with a new key is stored, the others are repeats or conflicts.
    private func tell(_ batch: [Entry], _ new: Set<ArrivedPost.Key>) async throws {
        var new = new
        var others: [Entry] = []
        var stored: [Entry] = []
        for entry in batch {
            if new.remove(entry.post.key) != nil { stored.append(entry) } else { others.append(entry) }
        }
        // Those that are on disk are told so whatever becomes of the others.
        for entry in stored { entry.completion(.stored) }
        do {
            try await judge(others)
        } catch let error as PostgresError where error.isTransient {
            do {
                try await judge(others)
            } catch {
                fail(others, error)
            }
        } catch {
            fail(others, error)
        }
    }

    private func judge(_ entries: [Entry]) async throws {
        guard !entries.isEmpty else { return }
        let posts = entries.map(\.post)
        let answers = try await asListener([
            InboxStatements.seenAgain.bind(
                posts.map(\.source),
                posts.map(\.eventID),
                posts.map { post -> String in SignatureText.hex(SignatureCrypto.sha256(post.body)) }
            )
        ])
        var isSame: [Int: Bool] = [:]
        for row in answers[0] { isSame[try row.get(0, as: Int.self) - 1] = try row.get(1, as: Bool.self) }
        let conflicts = posts.indices.filter { isSame[$0] == false }.map { posts[$0] }
        if !conflicts.isEmpty {
            _ = try await asListener(
                conflicts.map { post in
                    InboxStatements.conflict.bind(
                        post.source,
                        post.eventID,
                        post.body,
                        post.headers,
                        post.scheme,
                        post.secret,
                        post.address
                    )
                }
            )
        }
        for (place, entry) in entries.enumerated() {
            switch isSame[place] {
            case true: entry.completion(.repeated)
            case false: noteConflict(entry)
            case nil: entry.completion(.failed("the event vanished while it was being looked at"))
            }
        }
    }

    private func noteConflict(_ entry: Entry) {
        Counter(label: "bursar_webhook_conflicts_total", dimensions: [("source", entry.post.source)]).increment()
        logger.error(
            "another body came under an id that is taken; it is kept and has no effect",
            metadata: ["source": "\(entry.post.source)", "event_id": "\(entry.post.eventID.prefix(64))"]
        )
        entry.completion(.conflict)
    }

    private func asListener(_ statements: [BoundStatement]) async throws -> [Rows] {
        let answers = try await database.withConnection { connection in
            try await connection.pipeline([TransactionStatements.role.bind("bursar_listener")] + statements)
        }
        return Array(answers.dropFirst())
    }
}
