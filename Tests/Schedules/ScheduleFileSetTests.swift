import FoundationEssentials
import Glibc
import Schedules
import Testing

@Suite("A set of schedule files")
struct ScheduleFileSetTests {
    private static let good = "version: 1\nschedules:\n  NAME: { job: renewals, every: 5m }\n"

    private func good(_ name: String) -> [UInt8] {
        Array(Self.good.replacing("NAME", with: name).utf8)
    }

    @Test("A folder's files are read by name; other and hidden files are left alone")
    func folder() throws {
        let folder = try Folder([
            "b.yaml": good("one"), "a.yml": good("two"), "notes.txt": Array("x".utf8), ".hidden.yaml": [0xFF],
        ])
        let set = try ScheduleSet.load(paths: [folder.path], catalogue: ScheduleFileSupport.catalogue)
        #expect(set.schedules.map(\.name) == ["one", "two"])
        #expect(set.files == [folder.path + "/a.yml", folder.path + "/b.yaml"])
    }

    @Test("A file named twice is read once")
    func twice() throws {
        let folder = try Folder(["a.yaml": good("one")])
        let set = try ScheduleSet.load(paths: [folder.path, folder.path + "/a.yaml"])
        #expect(set.files.count == 1)
    }

    @Test("One name in two files is a problem that tells both places")
    func sameName() throws {
        let folder = try Folder(["a.yaml": good("one"), "b.yaml": good("one")])
        #expect(
            problems(of: [folder.path]) == [
                "\(folder.path)/b.yaml:3:3: schedule \"one\" is already declared at \(folder.path)/a.yaml:3:3; "
                    + "remove or rename one of the two"
            ]
        )
    }

    @Test("The problems of all files are told together, those of unreadable ones too")
    func allFiles() throws {
        let folder = try Folder([
            "a.yaml": Array("version: 2\nschedules: {}\n".utf8),
            "b.yaml": Array("version: 1\nschedules: {} # é".utf8) + [0xC3],
            "c.yaml": [], "d.yaml": good("fine"),
        ])
        let missing = folder.path + "/no.yaml"
        let lines = problems(of: [folder.path, missing])
        #expect(lines.count == 4)
        #expect(lines[0].hasPrefix("\(folder.path)/a.yaml:1:10: version must be 1"))
        #expect(lines[1] == "\(folder.path)/b.yaml:2:18: the file is not UTF-8 from this byte on; save it as UTF-8")
        #expect(lines[2].hasPrefix("\(folder.path)/c.yaml:1:1: the file is empty"))
        #expect(lines[3] == "\(missing): the file cannot be read: No such file or directory; check the path")
    }

    @Test("A folder without schedule files, and no path at all, are problems")
    func nothing() throws {
        let folder = try Folder([:])
        #expect(problems(of: [folder.path]).first?.contains("the folder has no schedule files") == true)
        #expect(problems(of: []).first?.contains("no path was given") == true)
    }

    @Test("A file that may not be read says so", .enabled(if: geteuid() != 0, "root may read everything"))
    func unreadable() throws {
        let folder = try Folder(["a.yaml": good("one")])
        chmod(folder.path + "/a.yaml", 0)
        #expect(problems(of: [folder.path]).first?.contains("let the user Bursar runs as read it") == true)
    }

    @Test("A file larger than a mebibyte is refused unread")
    func large() throws {
        let folder = try Folder(["a.yaml": Array(repeating: UInt8(ascii: "#"), count: 1_048_577)])
        #expect(problems(of: [folder.path]).first?.contains("larger than 1048576 bytes") == true)
    }

    private func problems(of paths: [String]) -> [String] {
        do throws(ScheduleProblems) {
            _ = try ScheduleSet.load(paths: paths, catalogue: ScheduleFileSupport.catalogue)
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }
}

@Suite("The hash of a set")
struct ScheduleHashTests {
    private let support = ScheduleFileSupport.self

    @Test("It is SHA-256, in hexadecimal")
    func sha256() {
        #expect(
            ScheduleSet(schedules: []).contentHash == "1d7121c7b41e559ed64963a33f06976bd827c3128bf9e87cf535d4e7ca309e8a"
        )
    }

    @Test("Comments, layout, order and defaults written out leave it as it is")
    func sameMeaning() throws {
        let short = try support.read(support.file())
        let long = try support.read(
            """
            # The same, at length.
            schedules: { renewals: { enabled: true, retry: { attempts: 8 }, jitter: 0s, parameters: {},
                time_zone: "Asia/Phnom_Penh", job: 'renewals', cron: 5 0 * * *, deadline: 60m,
                environments: [production, development, staging] } }
            version: 1
            """
        )
        #expect(short.contentHash == long.contentHash)
    }

    @Test(
        "Every change of meaning changes it",
        arguments: [
            "description: x", "owner: x", "dst: { missing: shift, repeated: first }", "misfire: { policy: last }",
            "misfire: { policy: once, within: 2d }", "misfire: { policy: once, limit: 5 }", "overlap: queue",
            "start_within: 31m", "deadline: 61m", "jitter: 1s", "retry: { attempts: 9 }", "retry: { initial: 31s }",
            "retry: { max: 61m }", "retry: { jitter: 0.3 }", "enabled: false", "environments: [production]",
            "parameters: { chunk: 1 }",
        ]
    )
    func otherMeaning(line: String) throws {
        let plain = try support.read(support.file())
        let changed = try support.read(support.file(with: line))
        #expect(plain.contentHash != changed.contentHash)
    }

    @Test("A renamed schedule changes it")
    func renamed() throws {
        let file = support.file()
        let renamed = try support.read(file.replacing("  renewals:", with: "  renewal:"))
        #expect(try renamed.contentHash != support.read(file).contentHash)
    }
}

/// A folder of files that goes away with the test.
private final class Folder {
    let path: String

    init(_ files: [String: [UInt8]]) throws {
        path = FileManager.default.temporaryDirectory.path + "/bursar-schedules-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for (name, bytes) in files {
            _ = FileManager.default.createFile(atPath: "\(path)/\(name)", contents: Data(bytes))
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
