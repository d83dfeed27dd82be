// Why a request for a download is refused, in words for its caller.

/// A field of a download request that breaks a rule.
public struct DownloadRuleError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The field as it is written in a request: `url`, `filename`, `track_id`, `checksum` and so on.
    public var field: String
    /// What is wrong and what is allowed.
    public var message: String
    /// Whether the URL leads to an address that downloads may not reach, rather than being malformed.
    public var isAddressRefusal: Bool

    /// A broken rule of `field`.
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
