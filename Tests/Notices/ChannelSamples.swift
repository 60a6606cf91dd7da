import CivilTime
import Glibc
import Synchronization

@testable import Notices

/// A folder of a test's own, removed afterwards.
func withFolder<Value>(_ body: (String) async throws -> Value) async throws -> Value {
    var template = Array("/tmp/bursar-channels-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw ScriptedServer.Failure(what: "no folder: \(errno)") }
    let path = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { remove(path) }
    return try await body(path)
}

/// Removes a folder with all that is in it.
private func remove(_ path: String) {
    for name in names(in: path) {
        let place = "\(path)/\(name)"
        if rmdir(place) != 0, unlink(place) != 0 { remove(place) }
    }
    rmdir(path)
}

/// The names in a folder, in order.
func names(in folder: String) -> [String] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
}

func text(of file: String) -> String {
    guard let stream = fopen(file, "r") else { return "" }
    defer { fclose(stream) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    return String(decoding: bytes[..<fread(&bytes, 1, bytes.count, stream)], as: UTF8.self)
}

func write(_ text: String, to file: String) {
    guard let stream = fopen(file, "w") else { return }
    defer { fclose(stream) }
    fputs(text, stream)
}

extension OutgoingMessage {
    /// A message to somebody.
    static func sample(
        _ id: String = "n-17@bursar.example",
        _ channel: NoticeChannel = .email,
        to recipient: String = "sok@example.com",
        text: String = "សូមបង់ប្រាក់ KHR 40,000\nថ្ងៃនេះ",
        pictures: [RenderedNotice.InlinePicture] = [],
        facts: String = "{\"invoice\":\"INV-7\",\"open\":40000}",
        tenant: Int64? = 7
    ) -> OutgoingMessage {
        let content = RenderedNotice(
            subject: channel == .email ? "វិក្កយបត្រ" : nil,
            text: text,
            pictures: pictures,
            locale: "km",
            source: "global/km/final",
            version: "00ff"
        )
        return OutgoingMessage(
            messageID: id,
            channel: channel,
            recipient: recipient,
            content: content,
            date: Instant("2026-03-01T09:00:00+07:00") ?? .epoch,
            facts: facts,
            tenant: tenant,
            category: "final"
        )
    }
}

/// A transport that says what a test wants, and counts.
final class StubTransport: Transport {
    let name: String
    let knowsRepeats: Bool
    private let state: Mutex<(verdicts: [SendOutcome.Verdict], sent: [OutgoingMessage])>

    /// The last of the verdicts is said for ever.
    init(_ name: String, _ verdicts: [SendOutcome.Verdict], knowsRepeats: Bool = false) {
        self.name = name
        self.knowsRepeats = knowsRepeats
        state = Mutex((verdicts, []))
    }

    var sent: [OutgoingMessage] { state.withLock(\.sent) }

    func send(_ message: OutgoingMessage) async -> SendOutcome {
        state.withLock { state in
            state.sent.append(message)
            let verdict = state.verdicts.count > 1 ? state.verdicts.removeFirst() : state.verdicts.first ?? .accepted
            return SendOutcome(verdict, phase: "stub", reply: "\(name) said so")
        }
    }
}
