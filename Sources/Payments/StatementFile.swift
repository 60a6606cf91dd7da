internal import COpenSSL
internal import Dispatch
internal import Glibc

/// The bytes of a statement file, read on a thread that may wait for a disk.
struct StatementFile: Sendable {
    let path: String

    /// More is no statement: a million rows are some 150 MB.
    static let largest = 2 << 30
    private static let piece = 256 << 10

    /// What a file is known again by: its bytes, and what the system says of it.
    struct Identity: Equatable, Sendable {
        /// SHA-256 in hexadecimal.
        let digest: String
        let size: Int
    }

    /// Reads the whole file to know it again.
    func identity() async throws -> Identity {
        let hash = try Hash()
        var size = 0
        try await forEachPiece { bytes in
            hash.add(bytes)
            size += bytes.count
        }
        guard size > 0 else {
            throw StatementProblem("\(path) is empty", remedy: "name the file that the bank gave you")
        }
        return Identity(digest: hash.digest, size: size)
    }

    /// Gives the file piece by piece, and then answers what was read.
    func read(_ take: ([UInt8]) async throws -> Void) async throws -> Identity {
        let hash = try Hash()
        var size = 0
        try await forEachPiece { bytes in
            hash.add(bytes)
            size += bytes.count
            try await take(bytes)
        }
        return Identity(digest: hash.digest, size: size)
    }

    private func forEachPiece(_ take: ([UInt8]) async throws -> Void) async throws {
        let descriptor = try await Self.onThread { try open() }
        do {
            while true {
                let bytes = try await Self.onThread { try piece(of: descriptor) }
                if bytes.isEmpty { break }
                try await take(bytes)
            }
            close(descriptor)
        } catch {
            close(descriptor)
            throw error
        }
    }

    private func open() throws(StatementProblem) -> Int32 {
        guard path.hasPrefix("/") else {
            throw StatementProblem(
                "\(path) is no absolute path",
                remedy: "the daemon has another folder: write the whole path"
            )
        }
        // Not to hang on a named pipe.
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let remedy =
                errno == EACCES
                ? "let the daemon's user read it, and enter its folders"
                : "the daemon must see the file: check the path"
            throw StatementProblem("\(path) cannot be read: \(String(cString: strerror(errno)))", remedy: remedy)
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw StatementProblem("\(path) is no file", remedy: "name the file itself")
        }
        guard status.st_size <= Self.largest else {
            close(descriptor)
            throw StatementProblem(
                "\(path) is larger than \(Self.largest >> 20) MiB",
                remedy: "split it; the header stands in each part"
            )
        }
        return descriptor
    }

    private func piece(of descriptor: Int32) throws(StatementProblem) -> [UInt8] {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: Self.piece) { buffer, count in
            var got = -1
            repeat { got = Glibc.read(descriptor, buffer.baseAddress, Self.piece) } while got < 0 && errno == EINTR
            if got < 0 { failure = errno }
            count = max(got, 0)
        }
        guard failure == 0 else {
            throw StatementProblem("\(path) cannot be read: \(String(cString: strerror(failure)))", remedy: "try again")
        }
        return bytes
    }

    private static func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value
    {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result { try body() }) }
        }
    }
}

/// SHA-256 as bytes come.
private final class Hash {
    private let context: OpaquePointer

    init() throws(StatementProblem) {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            throw StatementProblem("this system's OpenSSL cannot make SHA-256 hashes")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    func add(_ bytes: [UInt8]) { EVP_DigestUpdate(context, bytes, bytes.count) }

    var digest: String {
        var bytes = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        EVP_DigestFinal_ex(context, &bytes, nil)
        return bytes.hexadecimal
    }
}
