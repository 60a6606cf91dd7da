internal import CLibpq

// The owners of libpq's C objects. Each frees its object exactly once, in `deinit`. Those marked `@unchecked Sendable`
// hold objects that libpq never changes after it made them, so reading them from any thread is safe.

/// A connection on its way from the thread that opened it to the actor that will own it.
///
/// Used by one side at a time.
struct OpenedConnection: @unchecked Sendable {
    let raw: OpaquePointer
}

/// Owns a PGconn.
///
/// Belongs to one actor, hence not Sendable.
final class ConnectionHandle {
    let raw: OpaquePointer

    init(_ opened: OpenedConnection) { raw = opened.raw }

    deinit { PQfinish(raw) }

    var socket: Int32 { PQsocket(raw) }

    var errorMessage: String { String(cString: PQerrorMessage(raw)).trimmingLineEnd() }
}

/// Owns a PGcancel: enough to ask the server, over a connection of its own, to stop what a session does.
final class CancelHandle: @unchecked Sendable {
    private let raw: OpaquePointer

    /// Nil when libpq is out of memory.
    init?(_ connection: ConnectionHandle) {
        guard let raw = PQgetCancel(connection.raw) else { return nil }
        self.raw = raw
    }

    deinit { PQfreeCancel(raw) }

    /// Sends the request and waits until the server has taken it.
    ///
    /// Blocks; never call it on the loop or a task's thread.
    func send() -> Bool {
        var message = [CChar](repeating: 0, count: 256)
        return PQcancel(raw, &message, Int32(message.count)) == 1
    }
}

/// Owns a PGresult, which is read only from here on.
final class ResultHandle: @unchecked Sendable {
    let raw: OpaquePointer

    init(_ raw: OpaquePointer) { self.raw = raw }

    deinit { PQclear(raw) }

    var status: ExecStatusType { PQresultStatus(raw) }

    var rowCount: Int { Int(PQntuples(raw)) }

    var columnCount: Int { Int(PQnfields(raw)) }

    /// The command's tag: "INSERT 0 3", "ROLLBACK".
    var tag: String { String(cString: PQcmdStatus(raw)) }

    /// How many rows the command touched.
    var affected: Int { Int(String(cString: PQcmdTuples(raw))) ?? 0 }

    func columnName(_ index: Int) -> String { String(cString: PQfname(raw, Int32(index))) }

    func text(row: Int, column: Int) -> String? {
        if PQgetisnull(raw, Int32(row), Int32(column)) == 1 { return nil }
        let length = Int(PQgetlength(raw, Int32(row), Int32(column)))
        guard let start = PQgetvalue(raw, Int32(row), Int32(column)) else { return nil }
        return start.withMemoryRebound(to: UInt8.self, capacity: length) { bytes in
            String(decoding: UnsafeBufferPointer(start: bytes, count: length), as: UTF8.self)
        }
    }

    /// Whether the value is this very text.
    func says(_ text: String, row: Int, column: Int) -> Bool {
        guard PQgetisnull(raw, Int32(row), Int32(column)) == 0, let start = PQgetvalue(raw, Int32(row), Int32(column))
        else { return false }
        let length = Int(PQgetlength(raw, Int32(row), Int32(column)))
        return text.utf8.count == length
            && start.withMemoryRebound(to: UInt8.self, capacity: length) { bytes in
                text.utf8.elementsEqual(UnsafeBufferPointer(start: bytes, count: length))
            }
    }

    /// A whole number in decimal digits; nil where the value is another one.
    func integer(row: Int, column: Int) -> Int64? {
        let length = Int(PQgetlength(raw, Int32(row), Int32(column)))
        guard (1...20).contains(length), let start = PQgetvalue(raw, Int32(row), Int32(column)) else { return nil }
        let isNegative = start[0] == 0x2D
        var value: Int64 = 0
        // Counted downwards: the lowest number has no positive counterpart.
        for position in (isNegative ? 1 : 0)..<length {
            let digit = Int64(start[position]) - 0x30
            guard (0...9).contains(digit) else { return nil }
            let (tenfold, isLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, isLarger) = tenfold.subtractingReportingOverflow(digit)
            guard !isLarge, !isLarger else { return nil }
            value = sum
        }
        guard !isNegative else { return length > 1 ? value : nil }
        return value == .min ? nil : -value
    }

    /// A field of the error, by the letter of the protocol's "Error and Notice Message Fields".
    func errorField(_ letter: Unicode.Scalar) -> String? {
        PQresultErrorField(raw, Int32(letter.value)).map { String(cString: $0) }
    }

    var errorMessage: String { String(cString: PQresultErrorMessage(raw)).trimmingLineEnd() }
}

extension String {
    fileprivate func trimmingLineEnd() -> String {
        var text = self[...]
        while let last = text.last, last.isNewline || last == " " { text.removeLast() }
        return String(text)
    }
}
