extension PrivateCluster {
    /// Copies a running cluster, and starts the copy as its streaming standby, which takes reading connections.
    package func start(following primary: PrivateCluster) async throws {
        try makeDirectory(settings.directory)
        let source = ["-h", primary.settings.socketDirectory, "-p", String(primary.settings.port), "-U", "postgres"]
        try await programs.run(
            "pg_basebackup",
            source + ["-D", dataDirectory, "-X", "stream", "-R", "-c", "fast", "--no-sync"]
        )
        try prepareSocketDirectory()
        try await launch()
    }

    /// Makes a standby the primary; returns once it takes writes.
    package func promote() async throws {
        try await control("promote")
    }
}
