import Glibc
import Synchronization

/// Where a simulated mail server keeps what it took.
///
/// A folder has the shape of a maildir: a message is written under `tmp` and then renamed into `new`, so that a file under
/// `new` is whole. Two lines stand before the message as it came: `Return-Path` and `Delivered-To`, each ending in CRLF.
final class MailSpool: Sendable {
    struct Kept: Sendable, Equatable {
        var sender: String
        var recipient: String
        /// As it came: with CRLF, and without doubled dots.
        var message: [UInt8]
    }

    enum Place: Sendable, Equatable {
        case folder(String)
        case memory
        case nowhere
    }

    let place: Place
    private let last = Atomic<Int>(0)
    private let memory = Mutex<[Kept]>([])

    /// - Throws: where the folder cannot be made.
    init(_ place: Place) throws(CommandFailure) {
        self.place = place
        guard case .folder(let path) = place else { return }
        for folder in [path, path + "/tmp", path + "/new", path + "/cur"] {
            guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
                throw CommandFailure(.configuration, "\(folder) cannot be made: \(String(cString: strerror(errno)))")
            }
        }
    }

    /// What is kept in memory, in the order of its coming.
    var kept: [Kept] { memory.withLock { $0 } }

    /// Keeps a message; false where the disk does not.
    func keep(_ message: Kept) -> Bool {
        switch place {
        case .nowhere: return true
        case .memory:
            memory.withLock { $0.append(message) }
            return true
        case .folder(let path): return write(message, path)
        }
    }

    private func write(_ kept: Kept, _ path: String) -> Bool {
        let number = last.add(1, ordering: .relaxed).newValue
        let name = "\(SystemClockMilliseconds.now / 1000).M\(number)P\(getpid()).sim"
        let temporary = "\(path)/tmp/\(name)"
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { return false }
        var bytes = Array("Return-Path: <\(kept.sender)>\r\nDelivered-To: \(kept.recipient)\r\n".utf8)
        bytes += kept.message
        var isWhole = true
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = Glibc.write(file, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else {
                    isWhole = false
                    return
                }
                rest = rest.dropFirst(count)
            }
        }
        close(file)
        guard isWhole, rename(temporary, "\(path)/new/\(name)") == 0 else {
            unlink(temporary)
            return false
        }
        return true
    }
}
