// The valid tokens; replaced as a whole while the server runs.

import Synchronization

/// The tokens that a server currently accepts.
///
/// Every request reads it, so a token that is missing in a new table is refused from then on.
public final class TokenSource: Sendable {
    private let table: Mutex<TokenTable>

    /// Creates a source with these tokens.
    ///
    /// - Parameter table: the valid tokens.
    public init(_ table: TokenTable) { self.table = Mutex(table) }

    /// The currently valid tokens.
    public var current: TokenTable { table.withLock { $0 } }

    /// Replaces all tokens.
    ///
    /// - Parameter table: the valid tokens from now on.
    public func replace(with table: TokenTable) { self.table.withLock { $0 = table } }
}
