import Configuration
import Glibc

/// The places a setting can come from, first one wins: flags, environment, file; and for secrets, files of their own.
struct SettingsLayers {
    private let flags: InMemoryProvider
    private let environment: any ConfigProvider
    private let file: SettingsFile?
    private let fileValues: InMemoryProvider

    /// - Parameters:
    ///   - flags: `key=value` each.
    ///   - configFile: from `--config`; otherwise `BURSAR_CONFIG`, otherwise `/etc/bursar/bursar.yaml` where it exists.
    /// - Throws: a flag or a line of the file that cannot be used.
    init(flags: [String], configFile: String?) throws(CommandFailure) {
        self.flags = InMemoryProvider(name: "flags", values: try Self.parse(flags))
        environment = EnvironmentVariablesProvider().prefixKeys(with: "bursar")
        let named = configFile ?? getenv("BURSAR_CONFIG").map { String(cString: $0) }
        file = try SettingsFile(path: named ?? "/etc/bursar/bursar.yaml", isRequired: named != nil)
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, value) in file?.values ?? [:] {
            values[AbsoluteConfigKey(key.components)] = ConfigValue(.string(value.text), isSecret: key.isSecret)
        }
        fileValues = InMemoryProvider(name: file?.path, values: values)
    }

    /// The file that was read, if any.
    var filePath: String? { file?.path }

    func value(_ key: SettingKey) throws(CommandFailure) -> SettingValue? {
        if let plain = plainValue(key) { return plain }
        guard let secret = key.secretFile else { return nil }
        if let path = plainValue(secret.key), let text = try TextFile.secret(path.text) {
            return SettingValue(text: text, origin: .secretFile(path.text))
        }
        guard let folder = getenv("CREDENTIALS_DIRECTORY") else { return nil }
        let path = String(cString: folder) + "/" + secret.credential
        guard let text = try TextFile.secret(path, isRequired: false) else { return nil }
        return SettingValue(text: text, origin: .credential(path))
    }

    private func plainValue(_ key: SettingKey) -> SettingValue? {
        let fileOrigin = SettingOrigin.file(path: file?.path ?? "", line: file?.values[key]?.line ?? 0)
        let layers: [(provider: any ConfigProvider, origin: SettingOrigin)] = [
            (flags, .flag), (environment, .environment(key.environmentName)), (fileValues, fileOrigin),
        ]
        for layer in layers {
            let found = try? layer.provider.value(forKey: AbsoluteConfigKey(key.components), type: .string)
            guard case .string(let text)? = found?.value?.content, !text.isEmpty else { continue }
            return SettingValue(text: text, origin: layer.origin)
        }
        return nil
    }

    private static func parse(_ flags: [String]) throws(CommandFailure) -> [AbsoluteConfigKey: ConfigValue] {
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for flag in flags {
            guard let equals = flag.firstIndex(of: "=") else {
                throw CommandFailure(.usage, "--set takes key=value, not '\(flag)'", remedy: "--set node.slots=8")
            }
            guard let key = SettingKey(rawValue: String(flag[..<equals])) else {
                throw CommandFailure(
                    .usage,
                    "--set: there is no key '\(flag[..<equals])'",
                    remedy: "one of: " + SettingKey.allCases.map(\.rawValue).joined(separator: ", ")
                )
            }
            guard !key.isSecret else {
                throw CommandFailure(
                    .usage,
                    "\(key.rawValue) may hold a password, and every user of this machine can read a command line",
                    remedy:
                        "\(key.environmentName) in the environment, or --set \(key.secretFile?.key.rawValue ?? "")=FILE"
                )
            }
            values[AbsoluteConfigKey(key.components)] = ConfigValue(
                .string(String(flag[flag.index(after: equals)...])),
                isSecret: false
            )
        }
        return values
    }
}
