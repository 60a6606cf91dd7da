import BackupVerification
import Billing
import Custody
import Glibc
import JobKit
import Postgres
import TestSupport
import Testing

@Suite("Drills", .serialized)
struct DrillTests {
    @Test("A whole backup passes through every phase, opens the gate of suspensions, and leaves nothing behind")
    func passes() async throws {
        try await CustodyWorld.open { world in
            let name = try await world.backUp()
            #expect(CustodyWorld.entries(world.house.directory) == [name])
            let drill = try await world.drill()
            #expect(drill.receipt.verdict == .pass, "\(drill.receipt.told)")
            #expect(drill.receipt.phases.map(\.name) == DrillReceipt.phaseNames)
            #expect(drill.receipt.backup == name)
            #expect((drill.receipt.rto_seconds ?? 0) > 0 && (drill.receipt.rpo_seconds ?? -1) >= 0)
            #expect(try await world.backups().first?.verifiedAt != nil)
            #expect(
                try await world.text(
                    "select count(*) from bursar.standing_receipt where evidence ->> 'backup' = '\(name)'"
                ) == "1"
            )
        }
    }

    @Test("One flipped byte fails at hash, and whoever operates is told")
    func flippedByte() async throws {
        try await CustodyWorld.open { world in
            let name = try await world.backUp()
            try change("\(world.house.directory)/\(name)/globals.sql.sealed") { $0[$0.count / 2] ^= 1 }
            let drill = try await world.drill()
            #expect(drill.failedPhase == "hash", "\(drill.receipt.told)")
            #expect(drill.receipt.told.contains("globals.sql.sealed is not what was written"))
            #expect(try await world.text("select count(*) from bursar.event where kind = 'drill.failed'") == "1")
            #expect(try await world.text("select count(*) from bursar.standing_receipt") == "0")

            // It is verified for as long as the last drill of it has passed.
            try change("\(world.house.directory)/\(name)/globals.sql.sealed") { $0[$0.count / 2] ^= 1 }
            #expect(try await world.drill().receipt.verdict == .pass)
            #expect(try await world.backups().first?.verifiedAt != nil)
            try change("\(world.house.directory)/\(name)/globals.sql.sealed") { $0[$0.count / 2] ^= 1 }
            #expect(try await world.drill().failedPhase == "hash")
            #expect(try await world.backups().first?.verifiedAt == nil)
        }
    }

    @Test("A dump that was cut short fails at hash; one that is cut and hashed anew fails at decrypt")
    func truncated() async throws {
        try await CustodyWorld.open { world in
            let name = try await world.backUp()
            let folder = "\(world.house.directory)/\(name)"
            try change("\(folder)/dump/toc.dat.sealed") { $0.removeLast(20) }
            let drill = try await world.drill()
            #expect(drill.failedPhase == "hash", "\(drill.receipt.told)")
            // Whoever can write the folder and the database can write digests, but not what opens.
            let digest = try Vault.digest("\(folder)/dump/toc.dat.sealed")
            try await rewrite(world, name) { index in
                index.map { file in
                    guard file.name == "dump/toc.dat" else { return file }
                    return BackupIndex.File(
                        name: file.name,
                        plainBytes: file.plainBytes,
                        plainSHA256: file.plainSHA256,
                        sealedBytes: digest.bytes,
                        sealedSHA256: digest.sha256
                    )
                }
            }
            let second = try await world.drill()
            #expect(second.failedPhase == "decrypt", "\(second.receipt.told)")
        }
    }

    @Test("A role that is missing from the globals fails at globals, by its name")
    func missingRole() async throws {
        try await CustodyWorld.open { world in
            let name = try await world.backUp()
            try await reseal(world, name, "globals.sql") { $0.replacing("CREATE ROLE bursar_scan;", with: "") }
            let drill = try await world.drill()
            #expect(drill.failedPhase == "globals", "\(drill.receipt.told)")
            #expect(drill.receipt.told.contains("role bursar_scan is missing"))
        }
    }

    @Test("Too little space fails at space, before anything is made")
    func fullDisk() async throws {
        try await CustodyWorld.open { world in
            try await world.backUp()
            var world = world
            world.house.freeBytes = { _ in 1 << 20 }
            let drill = try await world.drill()
            #expect(drill.failedPhase == "space", "\(drill.receipt.told)")
            #expect(drill.receipt.phases.map(\.name) == ["pick", "space", "destroy"])
        }
    }

    @Test(
        "Rows that were deleted at the source without a receipt fail at continuity, though the copy is equal to its dump and more came"
    )
    func silentLoss() async throws {
        try await CustodyWorld.open { world in
            try await world.backUp()
            try await world.database.setUp(
                "set session_replication_role = replica; delete from bursar.event where id in (select id from bursar.event order by id limit 3)"
            )
            for _ in 1...5 { try await world.database.setUp("select \(CustodyWorld.note)") }
            try await world.backUp()
            let drill = try await world.drill()
            #expect(drill.failedPhase == "continuity", "\(drill.receipt.told)")
            #expect(drill.receipt.told.contains("event had"), "\(drill.receipt.told)")
            #expect(drill.receipt.told.contains("receipts tell of 0 purged ones"), "\(drill.receipt.told)")
        }
    }

    @Test("A broken invariant fails at invariants, by its name")
    func brokenBooks() async throws {
        try await CustodyWorld.open { world in
            let breaker = try #require(Invariant.all.first { $0.id == "I3" }).breaker.script
            try await world.database.setUp("set session_replication_role = replica; do $b$ begin \(breaker) end $b$")
            try await world.backUp()
            let drill = try await world.drill()
            #expect(drill.failedPhase == "invariants", "\(drill.receipt.told)")
            #expect(drill.receipt.told.contains("I3 is broken"))
        }
    }

    @Test("A phase that is left out makes the drill partial; a rehearsal that fails makes it fail; neither is a pass")
    func partial() async throws {
        try await CustodyWorld.open { world in
            try await world.backUp()
            let without = try await world.drill(rehearsal: nil)
            #expect(without.receipt.verdict == .partial)
            let failing = try await world.drill(rehearsal: { _, _ in
                throw CustodyFailure("rehearsal", "nothing was renewed")
            })
            #expect(failing.failedPhase == "rehearsal")
            #expect(try await world.text("select count(*) from bursar.standing_receipt") == "0")
            #expect(try await world.backups().first?.verifiedAt == nil)
        }
    }

    private func change(_ path: String, _ deed: (inout [UInt8]) -> Void) throws {
        let input = try #require(fopen(path, "r"))
        var bytes = [UInt8](repeating: 0, count: 64 << 20)
        bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, input))
        fclose(input)
        deed(&bytes)
        let output = try #require(fopen(path, "w"))
        fwrite(bytes, 1, bytes.count, output)
        fclose(output)
    }

    /// Changes what a sealed file says, as somebody with the keys and the database could.
    private func reseal(
        _ world: CustodyWorld,
        _ name: String,
        _ file: String,
        _ deed: (String) -> String
    ) async throws {
        let path = "\(world.house.directory)/\(name)/\(file)"
        let own = try VaultKey(id: "own", hexadecimal: Bench.currentDigits)
        let recovery = try VaultKey(id: "recovery", hexadecimal: Bench.recoveryDigits)
        try Vault.open("\(path).sealed", into: path, with: [recovery])
        var text = ""
        try change(path) { bytes in
            text = deed(String(decoding: bytes, as: UTF8.self))
            bytes = Array(text.utf8)
        }
        unlink("\(path).sealed")
        let sealed = try Vault.seal(path, into: "\(path).sealed", for: [own, recovery])
        unlink(path)
        try await rewrite(world, name) { files in
            files.map { old in
                guard old.name == file else { return old }
                return BackupIndex.File(
                    name: file,
                    plainBytes: sealed.plainBytes,
                    plainSHA256: sealed.plainSHA256,
                    sealedBytes: sealed.sealedBytes,
                    sealedSHA256: sealed.sealedSHA256
                )
            }
        }
    }

    /// Writes another index, and its digest into the database behind the wall.
    private func rewrite(
        _ world: CustodyWorld,
        _ name: String,
        _ deed: ([BackupIndex.File]) -> [BackupIndex.File]
    ) async throws {
        let path = "\(world.house.directory)/\(name)/\(BackupIndex.file)"
        var text = ""
        try change(path) { text = String(decoding: $0, as: UTF8.self) }
        let old: BackupIndex = try JSONText(text).decoded()
        let index = BackupIndex(
            name: old.name,
            takenAt: old.takenAt,
            asOf: old.asOf,
            host: old.host,
            installation: old.installation,
            serverVersion: old.serverVersion,
            databaseBytes: old.databaseBytes,
            keyID: old.keyID,
            recoveryID: old.recoveryID,
            seconds: old.seconds,
            files: deed(old.files)
        )
        let new = try JSONText(encoding: index).text
        try change(path) { $0 = Array(new.utf8) }
        let digest = try Vault.digest(path).sha256
        try await world.database.setUp(
            "set session_replication_role = replica; update bursar.backup set index_sha256 = '\(digest)' where name = '\(name)'"
        )
    }
}
