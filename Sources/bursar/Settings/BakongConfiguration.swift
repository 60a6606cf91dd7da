import Glibc
import Payments

/// How Bakong is reached and how much may be asked of it, as configured; the secrets are read when they are needed.
struct BakongConfiguration: Sendable {
    let address: BakongAddress
    let rate: Double?
    let burst: Int
    let perDay: Int?
    let timeout: Duration
    let keyFile: String?
    let emailFile: String?

    /// The systemd credentials that are looked at where no file is named; commands do not get them.
    static let credentials = (key: "bakong-token-key", email: "bakong-email")

    /// - Throws: the first value that cannot be used.
    init(_ reader: inout SettingsReader, isDevelopment: Bool) throws(CommandFailure) {
        let url = try reader.text(.bakongURL, preset: BakongAddress.production)
        do throws(BakongSettingsError) {
            address = try BakongAddress(url, allowsLoopback: isDevelopment)
        } catch {
            let origin = reader.values[.bakongURL].map { " (from \($0.origin))" } ?? ""
            throw CommandFailure(.configuration, "bakong.url: \(error.message)\(origin)", remedy: error.remedy)
        }
        rate = try reader.limit(.bakongRate, preset: "5") { Double($0).flatMap { $0 > 0 && $0 <= 1000 ? $0 : nil } }
        burst = try reader.number(.bakongBurst, preset: 10, in: 1...10_000)
        perDay = try reader.limit(.bakongPerDay, preset: "none") {
            Int($0).flatMap { 1...100_000_000 ~= $0 ? $0 : nil }
        }
        timeout = try reader.duration(.bakongTimeout, preset: "15s", in: .seconds(1)...Duration.seconds(120))
        keyFile = try reader.optionalText(.bakongTokenKeyFile)
        emailFile = try reader.optionalText(.bakongEmailFile)
    }

    /// The client's settings, with the secrets out of their files.
    ///
    /// - Throws: a file that is named and cannot be read, or holds something else.
    func settings() throws(CommandFailure) -> BakongSettings {
        var settings = BakongSettings(address: address, rate: rate, burst: Double(burst), perDay: perDay)
        settings.timeout = timeout
        settings.userAgent = "bursar/\(Version.text)"
        settings.email = try Self.secret(emailFile, Self.credentials.email).map { BakongSecret($0) }
        if let key = try Self.secret(keyFile, Self.credentials.key) {
            do throws(BakongSettingsError) {
                settings.sealingKey = try BakongSealingKey(key)
            } catch {
                throw CommandFailure(.configuration, error.message, remedy: error.remedy)
            }
        }
        return settings
    }

    private static func secret(_ file: String?, _ credential: String) throws(CommandFailure) -> String? {
        if let file { return try TextFile.secret(file) }
        guard let folder = getenv("CREDENTIALS_DIRECTORY") else { return nil }
        return try TextFile.secret("\(String(cString: folder))/\(credential)", isRequired: false)
    }
}

extension SettingsReader {
    /// A number above nothing, or `none` for no limit.
    fileprivate mutating func limit<Number>(
        _ key: SettingKey,
        preset: String,
        _ read: (String) -> Number?
    ) throws(CommandFailure) -> Number? {
        let text = try text(key, preset: preset)
        if text == "none" { return nil }
        guard let number = read(text) else {
            let origin = values[key].map { " (from \($0.origin))" } ?? ""
            throw CommandFailure(
                .configuration,
                "\(key.rawValue) must be a number above 0, or none, not '\(text)'\(origin)",
                remedy: "change it there"
            )
        }
        return number
    }
}
