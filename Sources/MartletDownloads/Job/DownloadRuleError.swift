// Why a download request is refused.

/// A field of a download request that breaks a rule.
///
/// ```swift
/// do {
///     _ = try DownloadRequestRules().job(url: "ftp://example.com/a")
/// } catch {
///     print(error.field, error.message)  // "url", and what is allowed
/// }
/// ```
public struct DownloadRuleError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The field's name in a request: `url`, `filename`, `track_id`, `checksum` and so on.
    public var field: String
    /// What is wrong and what is allowed.
    public var message: String
    /// Whether the URL is well-formed but leads to a forbidden address.
    public var isAddressRefusal: Bool

    /// Creates an error.
    ///
    /// - Parameters:
    ///   - field: the field's name in a request.
    ///   - message: what is wrong and what is allowed.
    ///   - isAddressRefusal: whether the URL is well-formed but leads to a forbidden address.
    public init(field: String, message: String, isAddressRefusal: Bool = false) {
        self.field = field
        self.message = message
        self.isAddressRefusal = isAddressRefusal
    }

    /// The field and the message.
    public var description: String { "\(field): \(message)" }

    static func url(_ message: String) -> DownloadRuleError { DownloadRuleError(field: "url", message: message) }

    static func address(_ message: String) -> DownloadRuleError {
        DownloadRuleError(field: "url", message: message, isAddressRefusal: true)
    }
}
