import Custody
import Glibc
import JobKit
import Postgres
import TestSupport
import Testing

/// Keys, and folders for backups and drills, where the scratch server's own user may pass.
struct Strongroom: Sendable {
    let folder: String

    static let own = String(repeating: "0a", count: 32)
    static let recovery = String(repeating: "f5", count: 32)

    var backups: String { "\(folder)/backups" }
    var scratch: String { "\(folder)/d" }

    /// Makes the folder, and removes it when the body has ended.
    static func with<Result>(_ body: (Strongroom) async throws -> Result) async throws -> Result {
        var template = Array("/var/tmp/bursar-strongroom-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let room = Strongroom(
            folder: String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        )
        chmod(room.folder, 0o711)
        defer { _ = system("rm -rf '\(room.folder)'") }
        for (name, digits) in [("own", own), ("recovery", recovery)] {
            write("\(name) \(digits)\n", to: "\(room.folder)/\(name).key")
            chmod("\(room.folder)/\(name).key", 0o600)
        }
        return try await body(room)
    }

    /// How a daemon or command finds it.
    func settings(_ house: House) -> [String: String] {
        [
            "BURSAR_BACKUP_DATABASE_URL": house.database.url(user: "bursar_backup"),
            "BURSAR_BACKUP_DIRECTORY": backups, "BURSAR_BACKUP_SCRATCH": scratch,
            "BURSAR_BACKUP_KEY_FILE": "\(folder)/own.key",
            "BURSAR_BACKUP_RECOVERY_KEY_FILE": "\(folder)/recovery.key",
        ]
    }

    // MARK: What lies in it

    /// What lies in a folder, but for hidden files.
    static func entries(_ path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    /// The folders that have a backup's name: none of them may be half.
    var named: [String] { Self.entries(backups).filter { !$0.contains(".") } }

    /// What is wrong with a folder that has a backup's name: a file that is missing, or is not what its index says.
    func faults(_ name: String) -> [String] {
        let text = contents(of: "\(backups)/\(name)/\(BackupIndex.file)")
        guard let index: BackupIndex = try? JSONText(text).decoded() else { return ["\(name) has no index"] }
        return index.files.compactMap { file in
            let found = try? Vault.digest("\(backups)/\(name)/\(file.name).sealed")
            return found?.sha256 == file.sealedSHA256 ? nil : "\(name)/\(file.name) is not what its index says"
        }
    }

    /// The processes whose words name a folder of it, with those words.
    var processes: [String] {
        Self.entries("/proc").filter { pid_t($0) != nil }.compactMap { process in
            guard let file = fopen("/proc/\(process)/cmdline", "r") else { return nil }
            defer { fclose(file) }
            var bytes = [UInt8](repeating: 0, count: 32 << 10)
            let count = fread(&bytes, 1, bytes.count, file)
            let words = String(decoding: bytes.prefix(count), as: UTF8.self).replacing("\0", with: " ")
            return words.contains(backups) || words.contains(scratch) ? "\(process): \(words)" : nil
        }
    }
}

extension House {
    /// The newest drill.
    func lastDrill() async throws -> RecordedDrill {
        let drills = try await books.withTransaction(BackupBook.transaction) { try await DrillBook.list(in: $0) }
        return try #require(drills.first, "there was no drill")
    }

    /// The names that `bursar backup list` lists.
    func listedBackups(_ settings: [String: String]) async throws -> [String] {
        struct Listed: Decodable {
            let name: String
        }
        let listed = try await bursar(["backup", "list", "--json"], settings: settings)
        #expect(listed.status == 0, "\(listed)")
        let backups: [Listed] = try JSONText(listed.output).decoded()
        return backups.map(\.name)
    }
}
