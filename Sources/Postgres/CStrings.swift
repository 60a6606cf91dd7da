/// Many texts as C strings in one block of memory, for the length of one call.
struct CStrings {
    private var bytes: [CChar] = []
    private var offsets: [Int?] = []

    init(_ texts: [String?]) {
        offsets.reserveCapacity(texts.count)
        for text in texts { append(text) }
    }

    private mutating func append(_ text: String?) {
        guard var text else { return offsets.append(nil) }
        offsets.append(bytes.count)
        text.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) { bytes.append(contentsOf: $0) }
        }
        bytes.append(0)
    }

    /// Nil stays nil.
    func withPointers<Value>(_ body: ([UnsafePointer<CChar>?]) -> Value) -> Value {
        bytes.withUnsafeBufferPointer { buffer in
            body(offsets.map { offset in offset.flatMap { position in buffer.baseAddress.map { $0 + position } } })
        }
    }
}
