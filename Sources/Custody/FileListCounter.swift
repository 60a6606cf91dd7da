internal import Synchronization

/// Counts and hashes a list of files as it comes, line by line: it may be long, and holds a passphrase that is kept
/// nowhere.
final class FileListCounter: Sendable {
    private struct State {
        let digest: VaultDigest
        var files = 0
        var isInside = false
    }

    private let state: Mutex<State>

    init() throws(VaultError) {
        let digest = try VaultDigest()
        state = Mutex(State(digest: digest))
    }

    func add(_ line: String) {
        state.withLock { state in
            let bytes = Array(line.utf8) + [UInt8(ascii: "\n")]
            bytes.withUnsafeBytes { state.digest.add($0) }
            if line.hasPrefix("[") {
                state.isInside = line == "[target:file]"
            } else if state.isInside, !line.isEmpty {
                state.files += 1
            }
        }
    }

    /// Asked once, at the end.
    var answer: (files: Int, sha256: String) { state.withLock { ($0.files, $0.digest.finish()) } }
}
