import Foundation
import KHQR
import Testing

@Suite("QR pictures")
struct QRPictureTests {
    private static let text =
        "00020101021129190015john_smith@devb5204599953031165802KH5910John Smith6010Phnom Penh63046BFA"
    private static let hasReader = (try? Tool.run(["zbarimg", "--version"], Data())) != nil

    /// What zbarimg reads in a picture, byte by byte.
    private func read(_ png: [UInt8]) throws -> String {
        try Tool.inFolder { folder in
            let file = folder.appending(path: "qr.png")
            try Data(png).write(to: file)
            let arguments = [
                "zbarimg", "--quiet", "--raw", "--oneshot", "-Sdisable", "-Sqrcode.enable", "-Sqrcode.binary",
            ]
            return String(decoding: try Tool.run(arguments + [file.path], Data()), as: UTF8.self)
        }
    }

    @Test(
        "A reader finds the text in the PNG, at every correction and size",
        .enabled(if: hasReader, "zbar-tools is not installed"),
        arguments: [(QRPicture.Correction.low, 3), (.medium, 8), (.quartile, 4), (.high, 7)]
    )
    func png(correction: QRPicture.Correction, scale: Int) throws {
        let picture = try QRPicture(of: Self.text, correction: correction)
        #expect(try read(picture.png(scale: scale)) == Self.text)
    }

    @Test("A reader finds Khmer names too", .enabled(if: hasReader, "zbar-tools is not installed"))
    func khmer() throws {
        var draft = KHQRDraft()
        (draft.account, draft.merchantName, draft.merchantCity) = ("shop@bank", "ចន ស្មីន", "ភ្នំពេញ")
        let text = try draft.code().text
        #expect(try read(QRPicture(of: text).png()) == text)
    }

    @Test(
        "PNG and SVG have the modules of the picture with four white ones around, by Python's zlib",
        .enabled(if: Tool.hasPython, "python3 is not installed"),
        arguments: [1, 3, 8, 20]
    )
    func modules(scale: Int) throws {
        let picture = try QRPicture(of: Self.text)
        let rows = (0..<picture.side).map { row in
            String((0..<picture.side).map { picture[row, $0] ? "#" : "." })
        }
        #expect(rows.prefix(4).allSatisfy { !$0.contains("#") } && rows.suffix(4).allSatisfy { !$0.contains("#") })
        #expect(rows[4].hasPrefix("....#######.") && rows[5].hasPrefix("....#.....#."))
        let png = Data(picture.png(scale: scale)).base64EncodedString()
        let answer = try Tool.python(Self.reader, "\(scale)\n\(png)\n\(picture.svg(scale: scale))")
        #expect(answer == (rows + rows).joined(separator: "\n") + "\n")
    }

    @Test("A text that no picture holds is refused in words")
    func tooLong() {
        let error = #expect(throws: QRPicture.Failure.self) { try QRPicture(of: String(repeating: "x", count: 3_000)) }
        #expect(error?.message.contains("too long") == true)
        #expect(throws: QRPicture.Failure.self) { try QRPicture(of: "") }
    }

    @Test("The biggest code there can be has a picture, small as a file")
    func biggest() throws {
        let picture = try QRPicture(of: String(repeating: "0123456789AB", count: 43), correction: .high)
        #expect(picture.png(scale: 8).count < 40_000)
    }

    /// The rows of modules of a PNG, then of an SVG.
    private static let reader = #"""
        import base64, re, struct, sys, zlib
        scale, png, svg = int(sys.stdin.readline()), base64.b64decode(sys.stdin.readline()), sys.stdin.read()
        assert png[:8] == b"\x89PNG\r\n\x1a\n"
        place, data = 8, b""
        while place < len(png):
            length, kind = struct.unpack(">I4s", png[place : place + 8])
            body = png[place + 8 : place + 8 + length]
            assert zlib.crc32(kind + body) == struct.unpack(">I", png[place + 8 + length : place + 12 + length])[0]
            if kind == b"IHDR":
                width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", body)
                assert (depth, colour, rest) == (1, 0, [0, 0, 0]) and width == height
            data += body if kind == b"IDAT" else b""
            place += 12 + length
        lines, stride = zlib.decompress(data), (width + 7) // 8 + 1
        assert len(lines) == stride * height
        above, rows = bytes(stride - 1), []
        for y in range(height):
            kind, *line = lines[y * stride : (y + 1) * stride]
            above = bytes((a + b) % 256 for a, b in zip(line, above)) if kind == 2 else bytes(line)
            pixels = "".join("." if above[x // 8] >> (7 - x % 8) & 1 else "#" for x in range(width))
            rows.append(pixels)
        for y in range(0, height, scale):
            assert all(row == rows[y] for row in rows[y : y + scale])
            assert all(len(set(rows[y][x : x + scale])) == 1 for x in range(0, width, scale))
            print(rows[y][::scale])
        side = int(re.search(r'viewBox="0 0 (\d+)', svg).group(1))
        assert f'width="{side * scale}"' in svg and f'<rect width="{side}" height="{side}" fill="#ffffff"/>' in svg
        field = [["."] * side for _ in range(side)]
        for x, y, run in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", svg):
            for step in range(int(run)):
                field[int(y)][int(x) + step] = "#"
        print("\n".join("".join(row) for row in field))
        """#
}
