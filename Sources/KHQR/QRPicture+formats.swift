extension QRPicture {
    /// The picture as SVG 1.1: one path on white, `scale` user units to a module.
    package func svg(scale: Int = 8) -> String {
        let scale = min(max(scale, Self.scales.lowerBound), Self.scales.upperBound)
        var path = ""
        for row in 0..<side {
            var column = 0
            while column < side {
                guard self[row, column] else {
                    column += 1
                    continue
                }
                let start = column
                while column < side, self[row, column] { column += 1 }
                path += "M\(start) \(row)h\(column - start)v1h-\(column - start)z"
            }
        }
        return """
            <?xml version="1.0" encoding="UTF-8"?>
            <svg xmlns="http://www.w3.org/2000/svg" version="1.1" width="\(side * scale)" height="\(side * scale)" \
            viewBox="0 0 \(side) \(side)" shape-rendering="crispEdges">
            <rect width="\(side)" height="\(side)" fill="#ffffff"/>
            <path d="\(path)" fill="#000000"/>
            </svg>

            """
    }

    /// The picture as PNG: one bit a pixel, `scale` pixels to a module.
    package func png(scale: Int = 8) -> [UInt8] {
        let scale = min(max(scale, Self.scales.lowerBound), Self.scales.upperBound)
        let pixels = side * scale
        let blank = [UInt8](repeating: 0, count: (pixels + 7) / 8)
        var lines: [UInt8] = []
        for row in 0..<side {
            var line = blank
            for pixel in 0..<pixels where !self[row, pixel / scale] { line[pixel / 8] |= 0x80 >> UInt8(pixel % 8) }
            // A line either stands there, or is the line above again: the difference to that is nothing.
            lines += [PNGFile.asItIs] + line
            for _ in 1..<scale { lines += [PNGFile.sameAsAbove] + blank }
        }
        return PNGFile.blackAndWhite(width: pixels, height: pixels, lines: lines)
    }
}
