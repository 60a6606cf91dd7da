import Backup
import Custody
import Glibc
import JobKit
import TestSupport
import Testing

/// Small file systems that are really full, under the folder of backups and under that of drills.
@Suite(
    "A disk of backups or drills that is really full",
    .serialized,
    .enabled(if: getenv("BURSAR_REAL") != nil && geteuid() == 0)
)
struct FullDiskRealTests {
    @Test(
        "A backup without room fails and says so, nothing half is listed, the old ones stay, and the next one is whole"
    )
    func target() async throws {
        try await CustodyWorld.open { world in
            try await onSmallDisk(world.house.directory, megabytes: 64) {
                let first = try await world.backUp()
                // What is verified is not rotated away by the next one.
                #expect(try await world.drill().receipt.verdict == .pass)
                // A little is left: the dump begins, and finds no room for its files.
                for kilobytes in [4, 64, 256] {
                    try fill(world.house.directory, leaving: kilobytes)
                    let error = await #expect(throws: JobError.self) { try await world.backUp() }
                    let told = error?.reason ?? ""
                    #expect(told.contains("No space left on device"), "\(kilobytes) KiB free: \(told)")
                    #expect(
                        ["folder", "dump", "globals", "seal", "name"].contains { told.hasPrefix("\($0): ") },
                        "it is told at which step: \(told)"
                    )
                    #expect(try await world.backups().map(\.name) == [first])
                    #expect(CustodyWorld.entries(world.house.directory).filter { $0 != "filler" } == [first])
                    unlink("\(world.house.directory)/filler")
                }
                let second = try await world.backUp()
                #expect(try await world.backups().map(\.name) == [second, first])
                #expect(CustodyWorld.entries(world.house.directory) == [first, second].sorted())
                let drill = try await world.drill()
                #expect(drill.receipt.verdict == .pass, "\(drill.receipt.told)")
            }
        }
    }

    @Test("A drill sees before it begins that a small disk has no room for it")
    func tooSmall() async throws {
        try await CustodyWorld.open { world in
            try await world.backUp()
            try await onSmallDisk(world.house.scratch, megabytes: 100) {
                let drill = try await world.drill()
                #expect(drill.failedPhase == "space", "\(drill.receipt.told)")
            }
        }
    }

    @Test("A disk that is filled up during the drill fails it at its phase, and nothing is left on it")
    func filledUp() async throws {
        try await CustodyWorld.open { world in
            try await world.backUp()
            for (megabytes, phases) in [(1, ["decrypt", "cluster"]), (32, ["cluster"]), (56, ["cluster", "restore"])] {
                try await onSmallDisk(world.house.scratch, megabytes: megabytes) {
                    var world = world
                    // Whoever fills the disk does it after the look at it.
                    world.house.freeBytes = { _ in 1 << 40 }
                    let drill = try await world.drill()
                    #expect(
                        phases.contains(drill.failedPhase ?? ""),
                        "\(megabytes) MiB: \(drill.failedPhase ?? "none"): \(drill.receipt.told)"
                    )
                    #expect(drill.receipt.verdict == .fail)
                    #expect(servers(under: world.house.scratch) == [])
                }
            }
            let drill = try await world.drill()
            #expect(drill.receipt.verdict == .pass, "\(drill.receipt.told)")
        }
    }

    private func onSmallDisk(_ path: String, megabytes: Int, _ body: () async throws -> Void) async throws {
        try #require(system("mkdir -p '\(path)' && mount -t tmpfs -o size=\(megabytes)m,mode=711 disk '\(path)'") == 0)
        do {
            try await body()
        } catch {
            _ = system("umount -l '\(path)'")
            throw error
        }
        #expect(system("umount '\(path)'") == 0, "nobody holds a file of it open")
    }

    /// Fills a disk up, but for a little.
    private func fill(_ path: String, leaving kilobytes: Int) throws {
        let free = "$(df --output=avail -k '\(path)' | tail -n 1)"
        try #require(
            system("dd if=/dev/zero of='\(path)/filler' bs=1k count=$((\(free) - \(kilobytes))) status=none") == 0
        )
    }

    private func servers(under path: String) -> [String] {
        CustodyWorld.entries("/proc").filter { pid_t($0) != nil }.filter { process in
            guard let file = fopen("/proc/\(process)/cmdline", "r") else { return false }
            defer { fclose(file) }
            var bytes = [UInt8](repeating: 0, count: 32 << 10)
            let count = fread(&bytes, 1, bytes.count, file)
            return String(decoding: bytes.prefix(count), as: UTF8.self).contains(path)
        }
    }
}
