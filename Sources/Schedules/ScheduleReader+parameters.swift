internal import CivilTime
internal import Yams

/// The parameters of a schedule, checked against what its job takes.
extension ScheduleReader {
    /// Canonical JSON of the parameters, without the job's defaults; nil after a problem.
    mutating func parameters(_ fields: Fields, job: String?, at key: Node) -> String? {
        let node = fields[.parameters]?.value
        guard let mapping = node.map(\.mapping) ?? Node.Mapping([]) else {
            let found = node.map(YAMLReader.found) ?? "nothing"
            yaml.report(node ?? key, "parameters must be a mapping, not \(found)", remedy: "write { name: value }")
            return nil
        }
        guard let signature = job.flatMap({ catalogue?[$0] }) else {
            return freeValue(.mapping(mapping), "parameters").map(\.canonicalText)
        }
        var values: [String: JSONValue] = [:]
        for (name, value) in mapping {
            values[name.string ?? ""] = parameter(name, value, of: signature)
        }
        if fields.isMissing(.parameters) || node != nil {
            for field in signature.missing(mapping.keys.compactMap(\.string)) {
                let message = "job \"\(signature.name)\" needs the parameter \"\(field.name)\", \(field.expectation)"
                yaml.report(node ?? key, message, remedy: "add it below parameters")
            }
        }
        return JSONValue.object(values).canonicalText
    }

    private mutating func parameter(_ name: Node, _ value: Node, of signature: JobSignature) -> JSONValue? {
        guard let field = signature.field(name.string ?? "") else {
            let message = "job \"\(signature.name)\" takes no parameter \(YAMLReader.found(name))"
            yaml.report(name, message, remedy: signature.remedyForUnknown(name.string ?? ""))
            return nil
        }
        let what = "parameter \"\(field.name)\" of job \"\(signature.name)\""
        do throws(Misfit) {
            let typed = try typedValue(value, kind: field.kind)
            guard field.accepts(typed) else { throw misfit(value, field.expectation) }
            return typed
        } catch {
            let inside = error.inside.map { "\($0) of " } ?? ""
            let expectation = error.inside == nil ? field.expectation : error.expectation
            let message = "\(inside)\(what) must be \(expectation), not \(error.found)"
            yaml.report([FileProblem(at: error.position, message, remedy: field.help)])
            return nil
        }
    }

    /// The innermost node that is not what its kind wants.
    private struct Misfit: Error {
        let position: SourcePosition
        let found: String
        let expectation: String
        /// What the node is within a list or a mapping.
        var inside: String?
    }

    private func typedValue(_ node: Node, kind: ParameterKind) throws(Misfit) -> JSONValue {
        switch kind {
        case .list(let element):
            guard let nodes = node.sequence else { break }
            var values: [JSONValue] = []
            for node in nodes { values.append(try member(node, element, "an element")) }
            return .list(values)
        case .mapping(let names, let element):
            guard let mapping = node.mapping else { break }
            var members: [String: JSONValue] = [:]
            for (key, value) in mapping {
                guard let name = key.scalar?.string, names.fits(name) else {
                    throw misfit(key, names.expectation, inside: "a name")
                }
                members[name] = try member(value, element, "\(name)")
            }
            return .object(members)
        default:
            guard let scalar = node.scalar, !scalar.isNothing else { break }
            let text = kind.isUnquoted ? scalar.unquoted : scalar.string
            if let value = text.flatMap(kind.value) { return value }
        }
        throw misfit(node, kind.expectation)
    }

    private func misfit(_ node: Node, _ expectation: String, inside: String? = nil) -> Misfit {
        Misfit(
            position: yaml.position(of: node),
            found: YAMLReader.found(node),
            expectation: expectation,
            inside: inside
        )
    }

    private func member(_ node: Node, _ kind: ParameterKind, _ inside: String) throws(Misfit) -> JSONValue {
        do throws(Misfit) {
            return try typedValue(node, kind: kind)
        } catch {
            var error = error
            error.inside = error.inside ?? inside
            throw error
        }
    }

    /// A value of a job that is not known here: numbers and truth values where they stand unquoted, else text.
    private mutating func freeValue(_ node: Node, _ what: String) -> JSONValue? {
        switch node {
        case .scalar(let scalar):
            return freeScalar(scalar)
        case .sequence(let nodes):
            return .list(nodes.map { freeValue($0, what) ?? .null })
        case .mapping(let mapping):
            var members: [String: JSONValue] = [:]
            for (key, value) in mapping {
                guard let name = key.string else {
                    yaml.report(key, "a name in \(what) must be a text, not \(YAMLReader.found(key))")
                    return nil
                }
                members[name] = freeValue(value, what) ?? .null
            }
            return .object(members)
        case .alias:
            return nil
        }
    }

    private func freeScalar(_ scalar: Node.Scalar) -> JSONValue {
        guard let text = scalar.unquoted else { return .text(scalar.string) }
        if scalar.isNothing { return .null }
        if let integer = ParameterKind.integer(text) { return .integer(integer) }
        let isNumber = text.utf8.allSatisfy { "-+.eE0123456789".utf8.contains($0) }
        if isNumber, let number = Double(text), number.isFinite { return .number(number) }
        return ParameterKind.boolean.value(of: text) ?? .text(text)
    }
}
