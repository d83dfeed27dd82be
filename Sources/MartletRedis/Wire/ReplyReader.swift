// Parses received bytes into replies with hiredis. Confined to one event loop.

import CHiredis
import NIOCore

/// A parser for RESP2 replies.
///
/// After an error the parser cannot be used: the start of the next reply is unknown.
@safe
final class ReplyReader {
    // hiredis moves unread bytes to the front after each reply, so large pieces would take quadratic time.
    private static let pieceSize = 16 * 1024

    private let reader: UnsafeMutablePointer<redisReader>
    private let builder = ReplyBuilder()
    private let maximumReplyBytes: Int
    private var bytesOfReply = 0
    private var failure: RedisError?

    /// Creates a parser.
    ///
    /// - Parameter maximumReplyBytes: the largest size of one reply in bytes.
    init(maximumReplyBytes: Int) throws(RedisError) {
        guard let reader = unsafe redisReaderCreateWithFunctions(ReplyBuilder.callbacks) else {
            throw RedisError(.connectionFailed, "there is not enough memory for a reply parser")
        }
        unsafe self.reader = unsafe reader
        self.maximumReplyBytes = maximumReplyBytes
        unsafe reader.pointee.privdata = unsafe Unmanaged.passUnretained(builder).toOpaque()
    }

    deinit {
        unsafe redisReaderFree(reader)
    }

    /// Parses `bytes` and appends complete replies to `replies`.
    ///
    /// - Throws: ``RedisError`` with the code `protocolError`, after appending the replies before the invalid bytes.
    func read(_ bytes: ByteBuffer, into replies: inout [RedisValue]) throws(RedisError) {
        if let failure { throw failure }
        failure = unsafe bytes.withUnsafeReadableBytes { unsafe feed($0, &replies) }
        guard let failure else { return }
        builder.reset()
        throw failure
    }

    private func feed(_ bytes: UnsafeRawBufferPointer, _ replies: inout [RedisValue]) -> RedisError? {
        var offset = 0
        while offset < bytes.count {
            let length = min(Self.pieceSize, bytes.count - offset)
            let piece = unsafe UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + length)])
            guard unsafe redisReaderFeed(reader, piece.bindMemory(to: CChar.self).baseAddress, length) == REDIS_OK
            else { return readerError() }
            offset += length
            bytesOfReply += length
            if let error = drain(&replies) { return error }
            guard bytesOfReply <= maximumReplyBytes else {
                return RedisError(.protocolError, "a reply is larger than \(maximumReplyBytes) bytes")
            }
        }
        return nil
    }

    /// Takes all complete replies from hiredis.
    private func drain(_ replies: inout [RedisValue]) -> RedisError? {
        while true {
            var reply: UnsafeMutableRawPointer?
            guard unsafe redisReaderGetReply(reader, &reply) == REDIS_OK else { return readerError() }
            guard unsafe reply != nil else { return nil }
            guard let value = builder.take() else {
                return RedisError(.protocolError, "the reader finished a reply that is not complete")
            }
            replies.append(value)
            bytesOfReply = unsafe Int(reader.pointee.len) - Int(reader.pointee.pos)
        }
    }

    private func readerError() -> RedisError {
        if let refusal = builder.refusal {
            return RedisError(.protocolError, "cannot read the server's reply: \(refusal)")
        }
        return RedisError(.protocolError, "the other side answers in another way than Redis does; check the address")
    }
}
