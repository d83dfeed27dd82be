// JSON that a user or a server gave to a command: what is wrong with it is told with the name of its source.

package import MartletJSON

extension JSONValue {
    /// Reads a text.
    ///
    /// - Parameters:
    ///   - bytes: the text in UTF-8.
    ///   - source: where it came from, as the beginning of an error message: `--data`, a path.
    /// - Throws: a ``CommandFailure`` (`usage`) that names `source` when the text is not JSON.
    package static func parse(_ bytes: some Sequence<UInt8>, source: String) throws -> JSONValue {
        do throws(JSONSyntaxError) { return try JSONValue(bytes) } catch { throw failure(error, source) }
    }

    /// Checks a text and keeps it byte for byte, without the space around it.
    ///
    /// - Throws: as ``parse(_:source:)``.
    package static func verbatim(_ bytes: [UInt8], source: String) throws -> JSONValue {
        do throws(JSONSyntaxError) { return try JSONValue.verbatim(bytes) } catch { throw failure(error, source) }
    }

    private static func failure(_ error: JSONSyntaxError, _ source: String) -> CommandFailure {
        CommandFailure(.usage, "\(source) is not JSON: byte \(error.offset + 1): \(error.reason)")
    }
}
