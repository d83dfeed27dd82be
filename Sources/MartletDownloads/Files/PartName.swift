// The names of part files: `.<name>.<id>.<claims>-<first 8 of the nonce>.part`.

import MartletJobs

enum PartName {
    private static let suffix = ".part"

    /// The part name of a job under a claim; unique per claim.
    static func make(filename: String, id: JobID, token: String) -> String {
        let pieces = token.split(separator: ":", maxSplits: 1)
        let claims = pieces.first.map { $0.filter(\.isASCII).filter(\.isNumber) } ?? ""
        let nonce = (pieces.count > 1 ? pieces[1] : "").utf8.prefix(8).map { byte -> Character in
            let scalar = Unicode.Scalar(byte)
            return isMarkByte(byte) ? Character(scalar) : "_"
        }
        return ".\(filename).\(id).\(claims.isEmpty ? "0" : String(claims))-\(String(nonce))\(suffix)"
    }

    /// Whether a name is a part of a file with this name, for any job.
    static func isPart(_ name: String, for filename: String) -> Bool {
        name.hasPrefix(".\(filename).") && !candidates(in: name).isEmpty
    }

    /// Whether a name is a part of the job with this id, and stays within the directory.
    static func isPart(_ name: String, of id: String) -> Bool {
        candidates(in: name).contains { $0.description == id }
    }

    /// The ids that a part's name may belong to; several, since names and ids may both contain dots.
    ///
    /// Empty when the name is not that of a part.
    static func candidates(in name: String) -> [JobID] {
        guard name.utf8.first == UInt8(ascii: "."), name.hasSuffix(suffix), name.utf8.count <= 255,
            !name.utf8.contains(UInt8(ascii: "/")), !name.utf8.contains(0)
        else { return [] }
        let pieces = name.dropFirst().dropLast(suffix.count).split(separator: ".", omittingEmptySubsequences: false)
        guard pieces.count >= 3, let mark = pieces.last, isMark(mark) else { return [] }
        let middle = pieces.dropLast()
        return (middle.startIndex + 1..<middle.endIndex).compactMap { start in
            JobID(stored: middle[start...].joined(separator: "."))
        }
    }

    /// Whether a text is `<claims>-<nonce>`.
    private static func isMark(_ text: Substring) -> Bool {
        let pieces = text.split(separator: "-", omittingEmptySubsequences: false)
        guard pieces.count == 2, !pieces[0].isEmpty, pieces[1].utf8.count <= 8 else { return false }
        let isNumber = pieces[0].utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return isNumber && pieces[1].utf8.allSatisfy(isMarkByte)
    }

    private static func isMarkByte(_ byte: UInt8) -> Bool {
        Percent.isUnreserved(byte) && ![UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "~")].contains(byte)
    }
}
