extension Settings {
    /// Where the dunning policy lies unless somebody says otherwise: in the folder of the schedules.
    static func policies(beside schedules: String) -> String {
        let isFile = schedules.hasSuffix(".yaml") || schedules.hasSuffix(".yml")
        let folder =
            isFile ? schedules.split(separator: "/", omittingEmptySubsequences: false).dropLast() : [schedules[...]]
        let path = folder.joined(separator: "/")
        if path.isEmpty { return schedules.hasPrefix("/") ? "/policies" : "policies" }
        return path.hasSuffix("/") ? "\(path)policies" : "\(path)/policies"
    }
}
