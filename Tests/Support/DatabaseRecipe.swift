package import Postgres

/// A database that is set up once for the test process and then copied, one copy a test.
package struct DatabaseRecipe: Sendable {
    /// Recipes of one name are the same recipe.
    package let name: String
    package let migrations: [Migration]
    /// Runs once, in a database that has the migrations applied.
    package let prepare: @Sendable (TestDatabase) async throws -> Void

    package init(
        _ name: String,
        migrations: [Migration],
        prepare: @escaping @Sendable (TestDatabase) async throws -> Void
    ) {
        self.name = name
        self.migrations = migrations
        self.prepare = prepare
    }
}

extension TestDatabase {
    /// Makes a copy of a prepared database, runs the body with it and drops it, whatever is still connected.
    package static func with<Result>(
        _ recipe: DatabaseRecipe,
        _ body: (TestDatabase) async throws -> Result
    ) async throws -> Result {
        try await with(templateName: { try await PreparedTemplates.shared.template(recipe, in: $0) }, body)
    }

    /// Prepares a database in a cluster apart, which its test destroys.
    package static func made(by recipe: DatabaseRecipe, in cluster: PrivateCluster) async throws -> TestDatabase {
        let database = TestDatabase(cluster: cluster, name: "prepared")
        try await database.administer("create database \(database.name)")
        let configuration = PostgresConfiguration(url: database.url(user: "postgres"), applicationName: "template")
        try await Migrator(configuration, migrations: recipe.migrations, loop: TestCluster.loop).up()
        try await recipe.prepare(database)
        return database
    }
}

/// The prepared databases of the shared cluster.
private actor PreparedTemplates {
    static let shared = PreparedTemplates()
    private var templates: [String: Task<String, any Error>] = [:]

    func template(_ recipe: DatabaseRecipe, in cluster: PrivateCluster) async throws -> String {
        if let known = templates[recipe.name] { return try await known.value }
        let task = Task {
            let source = try await Templates.shared.template(recipe.migrations, in: cluster)
            let made = TestDatabase(cluster: cluster, name: "prepared_\(Templates.nextNumber())")
            try await made.administer("create database \(made.name) template \(source)")
            try await recipe.prepare(made)
            return made.name
        }
        templates[recipe.name] = task
        return try await task.value
    }
}
