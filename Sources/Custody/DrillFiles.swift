internal import JobKit
internal import Postgres

/// The files of a drill's backup: whether there is space, whether they are what was written, and what is in them.
struct DrillFiles: Sendable {
    let house: BackupHouse
    let backup: PickedBackup

    private var place: String { "\(house.directory)/\(backup.index.name)" }

    /// The copy needs about the source's size, once more while indexes are built, and the opened files beside it.
    func checkSpace() async throws -> (Void, String) {
        try await house.checkSpace(backup.index.plainBytes &+ backup.index.databaseBytes / 2 &* 3 &+ 256 << 20)
    }

    /// Every file is there and is byte for byte what was sealed.
    func checkHashes() async throws -> (Void, String) {
        let place = place
        guard backup.indexSHA256 == backup.record.indexSHA256 else {
            throw CustodyFailure("hash", "\(place)/\(BackupIndex.file) is not what was written down of it")
        }
        _ = try await sideBySide(backup.index.files, house.jobs) { file in
            let found = try await step("hash") { () throws(VaultError) in
                try Vault.digest("\(place)/\(file.name).sealed")
            }
            guard found.bytes == file.sealedBytes else {
                throw CustodyFailure("hash", "\(file.name).sealed has \(found.bytes) bytes and not \(file.sealedBytes)")
            }
            guard found.sha256 == file.sealedSHA256 else {
                throw CustodyFailure("hash", "\(file.name).sealed is not what was written: its digest is another")
            }
        }
        return ((), "\(backup.index.files.count) files, \(backup.index.sealedBytes) bytes")
    }

    /// Opens every file with the recovery key alone, and gives them to the server's user.
    ///
    /// - Returns: the manifest of the dump.
    func decrypt(into folder: ScratchFolder) async throws -> (Manifest, String) {
        let keys = try await recoveryKeys()
        let place = place
        try await step("decrypt") { () throws(VaultError) in try FolderTree.make("\(folder.backup)/\(BackupIndex.dump)")
        }
        _ = try await sideBySide(backup.index.files, house.jobs) { file in
            let opened = try await step("decrypt") { () throws(VaultError) in
                try Vault.open("\(place)/\(file.name).sealed", into: "\(folder.backup)/\(file.name)", with: keys.keys)
            }
            guard opened.plainSHA256 == file.plainSHA256 else {
                throw CustodyFailure("decrypt", "\(file.name) is not what was dumped: its digest is another")
            }
        }
        let text = try await step("decrypt") { () throws(VaultError) in
            try FolderTree.give(folder.backup, to: folder.account)
            return try VaultFiles.smallText("\(folder.backup)/\(BackupIndex.manifest)")
        }
        guard let manifest: Manifest = try? JSONText(text).decoded() else {
            throw CustodyFailure("decrypt", "the manifest cannot be read")
        }
        return (manifest, "with the recovery key, \(backup.index.plainBytes) bytes")
    }

    private func recoveryKeys() async throws -> VaultKeyRing {
        guard let path = house.recoveryKeyFile else {
            throw CustodyFailure("decrypt", "no recovery key is configured; set backup.recovery_key_file")
        }
        return try await step("decrypt") { () throws(VaultError) in try VaultKeyRing.load(path) }
    }
}

extension BackupHouse {
    /// The drills' folder is there, and has so many bytes free.
    func checkSpace(_ needed: Int64) async throws -> (Void, String) {
        let (scratch, free) = (scratch, freeBytes)
        let there = try await step("space") { () throws(VaultError) in
            try FolderTree.make(scratch, mode: 0o711)
            return free(scratch)
        }
        guard let there else { throw CustodyFailure("space", "nobody can tell how much space \(scratch) has") }
        guard there >= needed else {
            throw CustodyFailure(
                "space",
                "\(scratch) has \(there >> 20) MiB free and the drill needs \(needed >> 20); make room or set backup.scratch"
            )
        }
        return ((), "\(there >> 20) MiB free, \(needed >> 20) wanted")
    }
}
