/// What is wrong with parameters given by hand: one sentence each, with what to do.
package struct ParameterProblems: Error, Hashable, Sendable, CustomStringConvertible {
    package let sentences: [String]

    /// One sentence a line.
    package var description: String { sentences.joined(separator: "\n") }
}

extension JobSignature {
    /// Reads `--param name=value` pairs into a canonical JSON object, without defaults.
    /// - Throws: every unknown, repeated, missing or malformed parameter.
    package func parametersJSON(of pairs: [(name: String, text: String)]) throws(ParameterProblems) -> String {
        var values: [String: JSONValue] = [:]
        var sentences: [String] = []
        for (name, text) in pairs {
            guard let field = field(name) else {
                sentences.append("job \"\(self.name)\" takes no parameter \"\(name)\"; \(remedyForUnknown(name))")
                continue
            }
            guard values[name] == nil else {
                sentences.append("parameter \"\(name)\" is given twice; give it once")
                continue
            }
            values[name] = field.value(of: text) ?? .null
            if values[name] == .null {
                sentences.append("parameter \"\(name)\" must be \(field.expectation), not \"\(text)\"")
            }
        }
        for field in missing(values.keys) {
            sentences.append("job \"\(name)\" needs the parameter \"\(field.name)\", \(field.expectation)")
        }
        guard sentences.isEmpty else { throw ParameterProblems(sentences: sentences) }
        return JSONValue.object(values).canonicalText
    }

    /// A stored JSON object of parameters with the defaults added where nothing was given.
    ///
    /// Done when a run starts, not when a file is read, so that a file's hash does not change with the program.
    /// - Throws: the text is not a JSON object.
    package func withDefaults(_ parametersJSON: String) throws -> String {
        guard case .object(var values) = try JSONValue(parsing: parametersJSON) else {
            throw ParameterProblems(sentences: ["the parameters of job \"\(name)\" are not a JSON object"])
        }
        for field in fields where values[field.name] == nil {
            values[field.name] = field.defaultText.flatMap(field.value)
        }
        return JSONValue.object(values).canonicalText
    }

    func missing(_ given: some Sequence<String>) -> [ParameterField] {
        let given = Set(given)
        return fields.filter { $0.isRequired && !given.contains($0.name) }
    }

    /// What to do about a parameter the job does not take.
    func remedyForUnknown(_ parameter: String) -> String {
        guard !fields.isEmpty else { return "it takes none, so leave it out" }
        let names = fields.map(\.name).sorted()
        let known = "it takes \(names.joined(separator: ", "))"
        return Spelling.suggestion(for: parameter, among: names).map { "\($0) \(known)" } ?? known
    }
}
