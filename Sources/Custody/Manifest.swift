/// What stood in the database at one moment, exactly: what a restored copy is compared with.
///
/// It is taken by `bursar.take_manifest()`, at the source in the snapshot of the dump, and in the copy.
package struct Manifest: Codable, Equatable, Sendable {
    package struct Table: Codable, Equatable, Sendable {
        package let name: String
        package let rows: Int64
        /// The sum of every bigint column, as whole numbers of any length.
        package let sums: [String: String]
        /// The highest value of every whole number of the key; null in an empty table.
        package let maxima: [String: Int64?]
        /// Whether nobody but a purge may delete from it.
        package let kept: Bool
        /// How many rows the receipts of purges tell of, since ever.
        package let purged: Int64

        package init(
            name: String,
            rows: Int64,
            sums: [String: String],
            maxima: [String: Int64?],
            kept: Bool,
            purged: Int64
        ) {
            self.name = name
            self.rows = rows
            self.sums = sums
            self.maxima = maxima
            self.kept = kept
            self.purged = purged
        }
    }

    package struct Series: Codable, Equatable, Sendable {
        package let issuer: Int64
        package let series: String
        package let year: Int
        package let last: Int64

        package init(issuer: Int64, series: String, year: Int, last: Int64) {
            self.issuer = issuer
            self.series = series
            self.year = year
            self.last = last
        }
    }

    package struct Role: Codable, Equatable, Sendable {
        package let name: String
        package let may: String

        package init(name: String, may: String) {
            self.name = name
            self.may = may
        }
    }

    package let tables: [Table]
    package let series: [Series]
    package let roles: [Role]

    package init(tables: [Table], series: [Series], roles: [Role]) {
        self.tables = tables
        self.series = series
        self.roles = roles
    }

    /// All rows of all tables.
    package var rows: Int64 { tables.reduce(0) { $0 &+ $1.rows } }
}

extension Manifest {
    /// In what a restored copy differs from this, in words; nothing where it is the same.
    package func differences(in copy: Manifest) -> [String] {
        let found = Dictionary(copy.tables.map { ($0.name, $0) }) { first, _ in first }
        var told = tables.flatMap { table -> [String] in
            guard let other = found[table.name] else { return ["table \(table.name) is missing"] }
            return table.differences(in: other)
        }
        let known = Set(tables.map(\.name))
        told += copy.tables.filter { !known.contains($0.name) }.map { "table \($0.name) was not there" }
        if series != copy.series { told.append("the number series are not the same") }
        return told
    }

    /// The roles that are missing in a copy or may do something else there.
    package func roleDifferences(in copy: Manifest) -> [String] {
        roles.compactMap { role in
            guard let other = copy.roles.first(where: { $0.name == role.name }) else {
                return "role \(role.name) is missing"
            }
            return other.may == role.may ? nil : "role \(role.name) may \(other.may) and not \(role.may)"
        }
    }

    /// Compares with the manifest before this one.
    ///
    /// - Parameters:
    ///   - earlier: the manifest that was taken before.
    ///   - staying: by table, how many rows of now were there when that was taken: new rows must not stand in for lost ones.
    /// - Returns: what is gone though no receipt of a purge tells of it, in words.
    package func losses(since earlier: Manifest, staying: [String: Int64]) -> [String] {
        let now = Dictionary(tables.map { ($0.name, $0) }) { first, _ in first }
        var told = earlier.tables.filter(\.kept).compactMap { before -> String? in
            guard let table = now[before.name], let rows = staying[before.name] else {
                return "table \(before.name) is gone"
            }
            return table.loss(since: before, staying: rows)
        }
        for before in earlier.series {
            let same = series.first {
                $0.issuer == before.issuer && $0.series == before.series && $0.year == before.year
            }
            if (same?.last ?? 0) < before.last {
                told.append(
                    "series \(before.series) of \(before.year), issuer \(before.issuer), went back from \(before.last) to \(same?.last ?? 0)"
                )
            }
        }
        return told
    }
}

extension Manifest.Table {
    fileprivate func differences(in copy: Manifest.Table) -> [String] {
        var told: [String] = []
        if rows != copy.rows { told.append("\(name) has \(copy.rows) rows and not \(rows)") }
        for (column, sum) in sums.sorted(by: { $0.key < $1.key }) where copy.sums[column] != sum {
            told.append("\(name).\(column) adds up to \(copy.sums[column] ?? "nothing") and not \(sum)")
        }
        for (column, highest) in maxima.sorted(by: { $0.key < $1.key }) where copy.maxima[column] != highest {
            told.append("\(name).\(column) ends elsewhere")
        }
        if told.isEmpty, self != copy { told.append("\(name) has other columns or other rights") }
        return told
    }

    fileprivate func loss(since before: Manifest.Table, staying: Int64) -> String? {
        guard staying < before.rows &+ before.purged &- purged else { return nil }
        return "\(name) had \(before.rows) rows, \(staying) of them are there, and receipts tell of"
            + " \(purged &- before.purged) purged ones"
    }
}
