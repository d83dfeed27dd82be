// Reads files that hold a secret; every target uses this.

package import FoundationEssentials

/// Reads files that hold one secret, such as a URL with a password.
package enum SecretFile {
    /// Why a file is unusable.
    package enum Unusable: Error, CustomStringConvertible {
        case unreadable, tooLong, notText, empty

        /// What is required of the file.
        package var description: String {
            switch self {
            case .unreadable: "must be a file that this process can read"
            case .tooLong: "must be a file of at most 1 MiB"
            case .notText: "must be a file of UTF-8 text"
            case .empty: "must be a file that is not empty"
            }
        }
    }

    private static let sizeLimit = 1 << 20

    /// The complete contents.
    package static func contents(of path: String) throws(Unusable) -> Data {
        guard let data = FileManager.default.contents(atPath: path) else { throw .unreadable }
        guard data.count <= sizeLimit else { throw .tooLong }
        return data
    }

    /// The text without trailing whitespace.
    package static func text(at path: String) throws(Unusable) -> String {
        guard let text = String(validating: try contents(of: path), as: UTF8.self) else { throw .notText }
        guard let end = text.lastIndex(where: { !$0.isWhitespace }) else { throw .empty }
        return String(text[...end])
    }

    /// The first non-empty line, without surrounding whitespace; later lines are comments.
    package static func line(at path: String) throws(Unusable) -> String {
        let text = try Self.text(at: path)
        guard let start = text.firstIndex(where: { !$0.isWhitespace }) else { throw .empty }
        let line = text[start...].prefix { !$0.isNewline }
        let end = line.lastIndex { !$0.isWhitespace } ?? line.startIndex
        return String(line[...end])
    }
}
