internal import Glibc

/// A user of the system, as a program runs under it.
package struct Account: Equatable, Sendable {
    package let name: String
    package let user: UInt32
    package let group: UInt32
    package let groups: [UInt32]
    package let home: String

    /// Whether it is somebody else than this process runs as.
    package var isOther: Bool { user != geteuid() }

    /// The user of a name; nil where the system knows none.
    ///
    /// May ask a directory service: it blocks.
    package static func named(_ name: String) -> Account? {
        find { getpwnam_r(name, $0, $1, $2, $3) }
    }

    /// Whom this process runs as.
    ///
    /// It blocks.
    package static func ofThisProcess() -> Account? {
        find { getpwuid_r(geteuid(), $0, $1, $2, $3) }
    }

    private typealias Lookup = (
        UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
        UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
    ) -> Int32

    private static func find(_ lookup: Lookup) -> Account? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        let error = buffer.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.map { lookup(&entry, $0, buffer.count, &found) } ?? ENOMEM
        }
        guard error == 0, found != nil, let name = entry.pw_name, let home = entry.pw_dir else { return nil }
        return Account(
            name: String(cString: name),
            user: entry.pw_uid,
            group: entry.pw_gid,
            groups: groups(of: name, entry.pw_gid),
            home: String(cString: home)
        )
    }

    private static func groups(of name: UnsafePointer<CChar>, _ first: gid_t) -> [UInt32] {
        var count: Int32 = 64
        while count <= 1_024 {
            var groups = [gid_t](repeating: 0, count: Int(count))
            let capacity = count
            if getgrouplist(name, first, &groups, &count) >= 0 { return Array(groups.prefix(Int(count))) }
            count = max(count, capacity * 2)
        }
        return [first]
    }
}
