/// Finds what somebody meant to write.
package enum Spelling {
    /// "did you mean …?" for the known word that is close enough, or nothing.
    package static func suggestion(for word: String, among known: some Sequence<String>) -> String? {
        nearest(to: word, among: known).map { "did you mean \"\($0)\"?" }
    }

    /// The known word that differs by the fewest letters, if that is at most a third of them.
    package static func nearest(to word: String, among known: some Sequence<String>) -> String? {
        let folded = word.lowercased().replacing("-", with: "_")
        let distances = known.map { (word: $0, distance: distance(folded, $0.replacing("-", with: "_"))) }
        let best = distances.min { ($0.distance, $0.word) < ($1.distance, $1.word) }
        return best.flatMap { $0.distance <= max(1, word.count / 3) ? $0.word : nil }
    }

    /// How many letters must be added, dropped, changed or swapped with their neighbour.
    package static func distance(_ left: String, _ right: String) -> Int {
        let (left, right) = (Array(left.unicodeScalars.prefix(64)), Array(right.unicodeScalars.prefix(64)))
        var rows = [Array(0...right.count)]
        for i in 1..<(left.count + 1) {
            var row = [i]
            for j in 1..<(right.count + 1) {
                let change = rows[i - 1][j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1)
                var least = min(change, rows[i - 1][j] + 1, row[j - 1] + 1)
                if i > 1, j > 1, left[i - 1] == right[j - 2], left[i - 2] == right[j - 1] {
                    least = min(least, rows[i - 2][j - 2] + 1)
                }
                row.append(least)
            }
            rows.append(row)
        }
        return rows[left.count][right.count]
    }
}
