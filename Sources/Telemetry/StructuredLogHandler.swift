import Glibc
package import Logging

/// Writes each event as one line with one `write(2)` to standard error, so that lines of several threads never mix.
///
/// Standard output stays free for what a command prints.
package struct StructuredLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    package var logLevel: Logger.Level

    private let label: String
    private let format: LogFormat
    private let colours: Bool
    private let descriptor: Int32

    package init(label: String, level: Logger.Level, format: LogFormat, descriptor: Int32 = 2) {
        self.label = label
        self.logLevel = level
        self.format = format
        self.descriptor = descriptor
        self.colours = format == .human && isatty(descriptor) == 1 && Environment.value("NO_COLOR") == nil
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var merged = metadata
        if let provided = metadataProvider?.get() { merged.merge(provided) { _, new in new } }
        if let own = event.metadata { merged.merge(own) { _, new in new } }
        if let error = event.error { merged["error"] = "\(error)" }
        let entries = merged.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value.description) }
        let line = LogLine(
            level: event.level,
            label: label,
            message: event.message.description,
            metadata: entries,
            time: UTCTime.now
        )
        write(line.text(format, colours: colours) + "\n")
    }

    private func write(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
                if count < 0 {
                    if errno == EINTR { continue }
                    return
                }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
    }
}
