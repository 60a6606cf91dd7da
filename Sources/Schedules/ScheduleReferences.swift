/// One name in a schedule's `after`, and where it stands.
struct ScheduleReference {
    let from: String
    let to: String
    let position: SourcePosition
}

/// Checks who waits for whom, over all files of a set.
enum ScheduleReferences {
    /// A name that no file declares, and every circle of schedules that wait for each other, once.
    static func problems(of references: [ScheduleReference], names: [String]) -> [FileProblem] {
        let known = Set(names)
        let unknown = references.filter { !known.contains($0.to) }.map { reference in
            let guess = Spelling.suggestion(for: reference.to, among: names).map { "\($0) " } ?? ""
            return FileProblem(
                at: reference.position,
                "schedule \"\(reference.from)\" is after \"\(reference.to)\", which no file declares",
                remedy: "\(guess)name a schedule of these files, or take it out of after"
            )
        }
        return unknown + circles(in: references.filter { known.contains($0.to) })
    }

    /// Follows every reference once, depth first and without recursion: a long chain must not end the process.
    private static func circles(in references: [ScheduleReference]) -> [FileProblem] {
        let next = Dictionary(grouping: references, by: \.from)
        var done: Set<String> = []
        var problems: [FileProblem] = []
        for start in references.map(\.from) where !done.contains(start) {
            var path = [start]
            var open = [next[start, default: []][...]]
            while let last = open.indices.last {
                guard let reference = open[last].popFirst() else {
                    done.insert(path.removeLast())
                    open.removeLast()
                    continue
                }
                if let begin = path.firstIndex(of: reference.to) {
                    problems.append(circle(path[begin...], closedBy: reference))
                } else if !done.contains(reference.to) {
                    path.append(reference.to)
                    open.append(next[reference.to, default: []][...])
                }
            }
        }
        return problems
    }

    private static func circle(_ path: ArraySlice<String>, closedBy reference: ScheduleReference) -> FileProblem {
        let way = (path + [reference.to]).joined(separator: ", which is after ")
        return FileProblem(
            at: reference.position,
            "these schedules wait for each other and would never run: \(way)",
            remedy: "take one of them out of after"
        )
    }
}
