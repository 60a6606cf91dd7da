import Foundation
import TestSupport
import Testing

@Suite("bursar doctor")
struct DoctorTests {
    @Test(
        "It names a file with an error, keys that cannot be used or that anybody can read, and says where backups lie"
    )
    func filesAndKeys() async throws {
        try await House.with(Portfolio.empty) { house in
            let bare = try await house.bursar("doctor")
            #expect(bare.output.contains("[!] backups: not configured"), "\(bare)")

            try await TestFolder.with { folder in
                let (own, recovery, channels) = ("\(folder)/own", "\(folder)/recovery", "\(folder)/channels.yaml")
                try "a \(String(repeating: "0a", count: 32))\n".write(toFile: own, atomically: true, encoding: .utf8)
                try "b \(String(repeating: "0b", count: 32))\n".write(
                    toFile: recovery,
                    atomically: true,
                    encoding: .utf8
                )
                try "version: 1\nchannels: { emial: {} }\n".write(toFile: channels, atomically: true, encoding: .utf8)
                chmod(own, 0o600)
                chmod(recovery, 0o600)
                let settings = [
                    "BURSAR_BACKUP_KEY_FILE": own, "BURSAR_BACKUP_RECOVERY_KEY_FILE": recovery,
                    "BURSAR_BACKUP_DIRECTORY": "\(folder)/to/come",
                    "BURSAR_BACKUP_DATABASE_URL": "postgresql://bursar_backup@127.0.0.1:1/bursar",
                    "BURSAR_NOTICES_CHANNELS": channels,
                ]
                let found = try await house.bursar("doctor", settings: settings)
                #expect(found.status == 1, "\(found)")
                for line in [
                    "[-] files: \(channels):2:13: ", "[+] backup keys: sealed by a, opened by b too",
                    "[+] backups: \(folder)/to/come can be written, ",
                ] {
                    #expect(found.output.contains(line), "\(line): \(found)")
                }
                #expect(!found.output.contains("0a0a") && !found.output.contains("0b0b"))

                let file = try await house.bursar(
                    "doctor",
                    settings: settings.merging([
                        "BURSAR_BACKUP_DIRECTORY": "\(own)/x", "BURSAR_NOTICES_POLICIES": folder,
                    ]) { $1 }
                )
                #expect(file.output.contains("[-] backups: \(own) is no folder"), "\(file)")
                #expect(file.output.contains("retention.yaml: nothing is ever purged"), "\(file)")
                let relative = try await house.bursar(
                    "doctor",
                    settings: settings.merging(["BURSAR_BACKUP_DIRECTORY": "backups"]) { $1 }
                )
                #expect(relative.status == 78 && relative.errors.contains("the full path of a folder"), "\(relative)")

                let same = try await house.bursar(
                    "doctor",
                    settings: settings.merging(["BURSAR_BACKUP_RECOVERY_KEY_FILE": own]) { $1 }
                )
                #expect(same.output.contains("[-] backup keys: the recovery key is the same"), "\(same)")
                chmod(own, 0o644)
                let open = try await house.bursar("doctor", settings: settings)
                #expect(open.output.contains("[-] backup keys: \(own) is open to every user"), "\(open)")
            }
        }
    }
}
