internal import Yams

/// The key `after`: the schedules that must have succeeded first.
extension ScheduleReader {
    /// The names in order of the alphabet, so that their order in the file means nothing.
    mutating func predecessors(_ node: Node) -> [String]? {
        guard let sequence = node.sequence, !sequence.isEmpty else {
            let message = "after must be a list of one or more schedules, not \(YAMLReader.found(node))"
            yaml.report(node, message, remedy: "write [name], with the names of other schedules")
            return nil
        }
        var names: Set<String> = []
        for element in sequence {
            guard let name = yaml.text(element, "a schedule in after") else { continue }
            if names.insert(name).inserted {
                predecessorsFound.append((name, yaml.position(of: element)))
            } else {
                yaml.report(element, "\"\(name)\" stands twice in after", remedy: "name it once")
            }
        }
        return names.sorted()
    }
}
