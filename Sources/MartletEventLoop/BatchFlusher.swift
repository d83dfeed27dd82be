// The channel handler that lets the executor of a connection's tasks decide when to flush.

package import NIOCore

/// Delays flushes to the end of the batch of tasks that wrote.
package final class BatchFlusher: ChannelOutboundHandler {
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    private let executor: EventLoopExecutor

    /// Creates a handler for a channel on the loop of `executor`.
    package init(_ executor: EventLoopExecutor) { self.executor = executor }

    package func flush(context: ChannelHandlerContext) { executor.flush(context) }

    /// Unflushed data would be lost with the connection.
    package func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        context.flush()
        context.close(mode: mode, promise: promise)
    }
}
