import Glibc
import Postgres
import TestSupport
import Testing

@Suite("Private cluster")
struct PrivateClusterTests {
    @Test("A cluster is made, stopped, started with its data, and removed")
    func life() async throws {
        let cluster = try await TestCluster.separate("life")
        #expect(try await cluster.status() == .running)
        let configuration = PostgresConfiguration(url: cluster.url())
        let connection = try await PostgresConnection.connect(configuration, on: TestCluster.loop)
        try await connection.executeScript("create table kept (a int)")
        await connection.close()
        try await cluster.stop()
        #expect(try await cluster.status() == .stopped)
        try await cluster.stop()
        try await cluster.start()
        try await cluster.start()
        let again = try await PostgresConnection.connect(configuration, on: TestCluster.loop)
        try await again.query(Statement("test.kept", "select * from kept"))
        await again.close()
        try await cluster.restart(.immediate)
        #expect(try await cluster.serverProcess() ?? 0 > 0)
        try await cluster.destroy()
        #expect(try await cluster.status() == .absent)
    }

    @Test("A run directory too long for a socket is refused with its length and the remedy")
    func longPath() throws {
        let settings = PrivateCluster.Settings(
            directory: "/var/tmp/never_made",
            socketDirectory: "/tmp/" + String(repeating: "d", count: 100)
        )
        let error = #expect(throws: PrivateClusterError.self) { try PrivateCluster(settings) }
        #expect(
            error?.message.contains("has 119 bytes and the system allows 107; choose a shorter run directory") == true
        )
    }

    @Test("A run directory that somebody else made is not trusted", .enabled(if: geteuid() == 0))
    func foreignDirectory() async throws {
        var template = Array("/tmp/bursar-foreign-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let foreign = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { rmdir(foreign) }
        chown(foreign, 65534, 65534)
        let settings = PrivateCluster.Settings(directory: foreign, socketDirectory: foreign)
        let cluster = try PrivateCluster(settings)
        let error = await #expect(throws: PrivateClusterError.self) { try await cluster.start() }
        #expect(error?.message.contains("is no folder of the server's user; remove it") == true)
    }

    @Test(
        "From a deep path that the server's user cannot enter the data lies under /var/tmp, and the socket's path is short"
    )
    func deepPath() throws {
        var template = Array("/tmp/bursar-deep-XXXXXX".utf8CString)
        // mkdtemp makes a folder for its owner alone.
        try #require(mkdtemp(&template) != nil)
        let closed = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { rmdir(closed) }
        let deep = closed + "/" + String(repeating: "very_deep/", count: 30) + ".bursar"
        let settings = PrivateCluster.settings(preferring: deep)
        #expect("\(settings.socketDirectory)/.s.PGSQL.65535".utf8.count <= 107)
        if geteuid() == 0 { #expect(settings.directory.hasPrefix("/var/tmp/bursar-")) }
        #expect(settings.directory == PrivateCluster.settings(preferring: deep).directory)
        #expect(settings.socketDirectory != PrivateCluster.settings(preferring: deep + "2").socketDirectory)
    }
}
