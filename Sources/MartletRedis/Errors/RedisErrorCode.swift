// The error codes of the transport, with their usual outcomes and advice.

extension RedisError {
    /// The kind of a transport error.
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// No connection within the time that the request could wait.
        case notConnected
        /// A connection could not be made.
        case connectionFailed
        /// The server refused the credentials, or requires some.
        case authentication
        /// The connection was lost while the request was in flight.
        case connectionLost
        /// No reply within the timeout.
        case timeout
        /// The waiting task was cancelled.
        case cancelled
        /// The server is loading its data (LOADING).
        case loading
        /// The server is busy with a script (BUSY).
        case busy
        /// The script was killed before it wrote anything (SCRIPT KILL).
        case killed
        /// The server is a read-only replica (READONLY).
        case readOnly
        /// The replica has lost its primary (MASTERDOWN).
        case masterDown
        /// The cluster is down (CLUSTERDOWN).
        case clusterDown
        /// The cluster is moving these keys (TRYAGAIN).
        case tryAgain
        /// The keys are on another server (MOVED, ASK).
        case moved
        /// The request used keys of several slots (CROSSSLOT).
        case crossSlot
        /// Too few replicas are reachable (NOREPLICAS).
        case noReplicas
        /// The server cannot persist and refuses writes (MISCONF).
        case misconfigured
        /// The server's memory is full (OOM).
        case outOfMemory
        /// The server does not know the script (NOSCRIPT).
        case noScript
        /// The server does not know the function (`ERR Function not found`).
        case noFunction
        /// The server does not know the command (`ERR unknown command`).
        case unknownCommand
        /// The user lacks a permission (NOPERM).
        case noPermission
        /// The server's bytes are not RESP2, or a reply is too large.
        case protocolError
        /// Any other error reply.
        case serverError
        /// The Redis URL is invalid.
        case invalidURL
        /// The client has been shut down.
        case closed

        /// The usual outcome of this kind of error.
        public var usualOutcome: Outcome {
            switch self {
            case .connectionLost, .timeout, .protocolError: .unknown
            case .noPermission, .unknownCommand, .serverError: .verdict
            case .notConnected, .connectionFailed, .authentication, .cancelled, .loading, .busy, .killed, .readOnly,
                .masterDown, .clusterDown, .tryAgain, .moved, .crossSlot, .noReplicas, .misconfigured, .outOfMemory,
                .noScript, .noFunction, .invalidURL, .closed:
                .notExecuted
            }
        }

        /// What to do, in one sentence.
        public var advice: String {
            switch self {
            case .notConnected: "Check that Redis runs at the configured URL and that the client's run() is running."
            case .connectionFailed:
                "Check the Redis URL, that the server runs there, and its bind, port and TLS settings."
            case .authentication: "Check the user and the password in the Redis URL against the server's ACL."
            case .connectionLost: "The client reconnects by itself; repeat the request if it is idempotent."
            case .timeout: "Look at the server's load and SLOWLOG, or raise the command timeout."
            case .cancelled: "Nothing to do: the caller gave up."
            case .loading: "Wait until the server has loaded its data."
            case .busy: "Find the slow script in the server's log; try again later."
            case .killed: "Nothing was changed; send it again when the server has time for it."
            case .readOnly: "Point the Redis URL at the primary."
            case .masterDown: "Wait for the failover to end, or repair the replication link."
            case .clusterDown: "Repair the cluster; see CLUSTER INFO."
            case .tryAgain: "Try again when the slot has been moved."
            case .moved, .crossSlot:
                "This is one node of a cluster, whose redirects are not followed: use a Redis that is not in cluster mode."
            case .noReplicas: "Bring back the replicas, or lower min-replicas-to-write."
            case .misconfigured: "Free disk space for the server's persistence; see the server's log."
            case .outOfMemory: "Raise the server's maxmemory, or delete finished data."
            case .noScript: "Send the script with its source."
            case .noFunction: "Load the function's library."
            case .unknownCommand: "Use Redis 7.0 or newer, and see whether the server renames or disables commands."
            case .noPermission: "Grant the command and the keys to this user in the server's ACL."
            case .protocolError:
                "Check that a Redis server listens at the URL and that TLS is used on both sides or none."
            case .serverError: "This is a defect of the caller or of the data; do not repeat the request."
            case .invalidURL:
                "Write redis[s]://[user:password@]host[:port][/db] or unix:///path[?db=N&user=U&password=P]; "
                    + "percent-encode reserved characters."
            case .closed: "The client is shut down; make a new one."
            }
        }
    }
}
