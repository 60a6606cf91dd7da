/// What a parameter of a job holds.
public indirect enum ParameterKind: Hashable, Sendable {
    /// A whole number.
    case integer
    /// Any text.
    case text
    /// `true` or `false`.
    case boolean
    /// A duration as in schedule files: `30s`, `1h30m`, `400d`.
    case duration
    /// A calendar date, `2026-01-31`.
    case date
    /// A point in time as RFC 3339 with its offset, `2026-01-31T08:00:00+07:00`.
    case instant
    /// One of a few words.
    case choice([String])
    /// A text of a certain shape.
    case shaped(TextShape)
    /// Any number of values of one kind.
    case list(ParameterKind)
    /// Values of one kind by names of a certain shape.
    case mapping(TextShape, ParameterKind)
}

/// One parameter that a job takes.
public struct ParameterField: Hashable, Sendable {
    /// The name, as files and `--param` write it.
    public let name: String
    /// What it holds.
    public let kind: ParameterKind
    /// Whether the job cannot run without it.
    public let isRequired: Bool
    /// What the job takes when nothing is given, written as in a file; nil where there is no default.
    public let defaultText: String?
    /// The whole numbers that are accepted; nil for all.
    public let range: ClosedRange<Int64>?
    /// How many elements a list must have.
    public let leastCount: Int
    /// The longest duration that is accepted; nil for any.
    public let longest: Duration?
    /// What it does, in a sentence.
    public let help: String

    /// A parameter of a job.
    ///
    /// One with a default is never required.
    public init(
        _ name: String,
        _ kind: ParameterKind,
        required: Bool = false,
        default defaultText: String? = nil,
        in range: ClosedRange<Int64>? = nil,
        atLeast leastCount: Int = 0,
        upTo longest: Duration? = nil,
        help: String = ""
    ) {
        self.name = name
        self.kind = kind
        self.isRequired = required && defaultText == nil
        self.defaultText = defaultText
        self.range = range
        self.leastCount = leastCount
        self.longest = longest
        self.help = help
    }
}

/// What a schedule file and `bursar run` may say about a job: its name and its parameters.
public struct JobSignature: Hashable, Sendable {
    /// The job's stable name.
    public let name: String
    /// What the job does, in a sentence.
    public let description: String
    /// The parameters it takes.
    public let fields: [ParameterField]

    /// A job that takes these parameters.
    public init(name: String, description: String = "", fields: [ParameterField] = []) {
        self.name = name
        self.description = description
        self.fields = fields
    }

    func field(_ name: String) -> ParameterField? {
        fields.first { $0.name == name }
    }
}

/// The jobs that exist, so that a file with another name or a wrong parameter is refused before anything runs.
public struct JobCatalogue: Hashable, Sendable {
    private let signatures: [String: JobSignature]

    /// The catalogue of these jobs; of two with one name, the last counts.
    public init(_ signatures: [JobSignature]) {
        self.signatures = Dictionary(signatures.map { ($0.name, $0) }) { _, last in last }
    }

    /// All jobs, by their names.
    var all: [JobSignature] { signatures.values.sorted { $0.name < $1.name } }

    /// The names of all jobs, in order.
    public var names: [String] { signatures.keys.sorted() }

    /// The job of a name, or nothing.
    public subscript(name: String) -> JobSignature? { signatures[name] }
}
