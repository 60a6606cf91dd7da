import Listener
import Schedules

/// Reads settings into types, keeps where each came from, and says with words what does not fit.
struct SettingsReader {
    let layers: SettingsLayers
    private(set) var values: [SettingKey: SettingValue] = [:]

    init(layers: SettingsLayers) { self.layers = layers }

    mutating func optionalText(_ key: SettingKey) throws(CommandFailure) -> String? {
        guard let value = try layers.value(key) else { return nil }
        values[key] = value
        return value.text
    }

    mutating func text(
        _ key: SettingKey,
        preset: @autoclosure () -> String,
        because reason: String = ""
    ) throws(CommandFailure) -> String {
        if let text = try optionalText(key) { return text }
        let text = preset()
        values[key] = SettingValue(text: text, origin: .preset(reason))
        return text
    }

    mutating func word<Word: RawRepresentable & CaseIterable>(
        _ key: SettingKey,
        preset: String,
        because reason: String = ""
    ) throws(CommandFailure) -> Word where Word.RawValue == String {
        let text = try text(key, preset: preset, because: reason)
        guard let word = Word(rawValue: text) else {
            throw unfit(key, "one of " + Word.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return word
    }

    mutating func optionalWord<Word: RawRepresentable & CaseIterable>(
        _ key: SettingKey
    ) throws(CommandFailure) -> Word? where Word.RawValue == String {
        guard try optionalText(key) != nil else { return nil }
        let word: Word = try word(key, preset: "")
        return word
    }

    mutating func boolean(_ key: SettingKey, preset: Bool) throws(CommandFailure) -> Bool {
        switch try text(key, preset: preset ? "true" : "false").lowercased() {
        case "true", "yes", "on", "1": return true
        case "false", "no", "off", "0": return false
        default: throw unfit(key, "true or false")
        }
    }

    mutating func number(
        _ key: SettingKey,
        preset: Int,
        in range: ClosedRange<Int>
    ) throws(CommandFailure) -> Int {
        guard let number = Int(try text(key, preset: "\(preset)")), range.contains(number) else {
            throw unfit(key, "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    mutating func duration(
        _ key: SettingKey,
        preset: String,
        in range: ClosedRange<Duration>
    ) throws(CommandFailure) -> Duration {
        let text = try text(key, preset: preset)
        guard let duration = try? Duration(scheduleText: text), range.contains(duration) else {
            throw unfit(key, "a duration from \(range.lowerBound.scheduleText) to \(range.upperBound.scheduleText)")
        }
        return duration
    }

    mutating func loopback(_ key: SettingKey) throws(CommandFailure) -> LoopbackAddress? {
        guard let text = try optionalText(key) else { return nil }
        do {
            return try LoopbackAddress(text)
        } catch {
            throw unfit(key, "a loopback address such as 127.0.0.1:9464")
        }
    }

    func unfit(_ key: SettingKey, _ expected: String) -> CommandFailure {
        let value = values[key]
        let origin = value.map { " (from \($0.origin))" } ?? ""
        return CommandFailure(
            .configuration,
            "\(key.rawValue) must be \(expected), not '\(value?.text ?? "")'\(origin)",
            remedy: "change it there"
        )
    }
}
