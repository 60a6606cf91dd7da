internal import CQREncode
internal import Glibc

/// A QR picture: black and white modules, before it is drawn in any format.
package struct QRPicture: Sendable {
    /// How much of a picture may be lost: about 7, 15, 25 and 30 percent.
    package enum Correction: String, CaseIterable, Sendable {
        case low = "L"
        case medium = "M"
        case quartile = "Q"
        case high = "H"

        fileprivate var level: QRecLevel {
            switch self {
            case .low: QR_ECLEVEL_L
            case .medium: QR_ECLEVEL_M
            case .quartile: QR_ECLEVEL_Q
            case .high: QR_ECLEVEL_H
            }
        }
    }

    /// Why there is no picture.
    package struct Failure: Error, Hashable, Sendable {
        /// In words, with what to do.
        package let message: String
    }

    /// The white rim around a symbol, in modules, as the standard wants it.
    package static let quietZone = 4

    /// Modules on a side, without the rim.
    package let width: Int
    /// Row after row from the top; whether a module is black.
    private let isBlack: [Bool]

    /// The smallest symbol that holds a text's UTF-8 bytes.
    ///
    /// - Throws: the text is empty, has a zero byte, or does not fit at this correction.
    package init(of text: String, correction: Correction = .medium) throws(Failure) {
        guard !text.isEmpty, !text.utf8.contains(0) else {
            throw Failure(message: "an empty text and one with a zero byte make no picture")
        }
        guard let code = QRcode_encodeString(text, 0, correction.level, QR_MODE_8, 1) else {
            throw Failure(
                message: errno == ERANGE
                    ? "the text is too long for a QR picture with correction \(correction.rawValue); use a lower one"
                    : "no QR picture was made: \(String(cString: strerror(errno)))"
            )
        }
        defer { QRcode_free(code) }
        width = Int(code.pointee.width)
        // The lowest bit of a byte is the colour; the others tell what the module is for.
        let modules = UnsafeBufferPointer(start: code.pointee.data, count: width * width)
        isBlack = modules.map { $0 & 1 == 1 }
    }

    /// Modules on a side with the rim.
    package var side: Int { width + 2 * Self.quietZone }

    /// Whether a module is black, counted from the top left corner of the rim.
    package subscript(row: Int, column: Int) -> Bool {
        let (row, column) = (row - Self.quietZone, column - Self.quietZone)
        guard (0..<width).contains(row), (0..<width).contains(column) else { return false }
        return isBlack[row * width + column]
    }

    /// How many pixels a module may have on a side.
    package static let scales = 1...64
}
