// Builds Swift values from hiredis callbacks. Confined to one event loop.

import CHiredis

/// Builds the reply that is being read.
///
/// Finished elements are on one flat stack; a completed array moves its elements from the top of the stack into itself.
/// So memory is allocated for received elements only, never for announced lengths.
@safe
final class ReplyBuilder {
    /// The deepest nesting of arrays.
    ///
    /// hiredis 0.14 supports no more; 1.x has no limit.
    static let maximumDepth = 8

    private struct Frame {
        let start: Int
        var missing: Int
    }

    private var stack: UnsafeMutablePointer<RedisValue>
    private var capacity = 64
    private var count = 0
    private var frames: [Frame] = []
    /// Why an element was refused, if one was.
    private(set) var refusal: String?

    init() {
        unsafe stack = .allocate(capacity: 64)
        frames.reserveCapacity(Self.maximumDepth)
    }

    deinit {
        unsafe stack.deinitialize(count: count)
        unsafe stack.deallocate()
    }

    /// Takes the finished reply; `nil` while elements are missing.
    func take() -> RedisValue? {
        guard frames.isEmpty, count == 1 else { return nil }
        count = 0
        return unsafe stack.move()
    }

    /// Drops a partially read reply.
    func reset() {
        unsafe stack.deinitialize(count: count)
        count = 0
        frames.removeAll(keepingCapacity: true)
        refusal = nil
    }

    /// Adds a finished element and closes the arrays that it completes.
    func append(_ value: consuming RedisValue) {
        push(value)
        while let last = frames.indices.last {
            frames[last].missing -= 1
            guard frames[last].missing == 0 else { return }
            let start = frames.removeLast().start
            push(.array(popElements(from: start)))
        }
    }

    /// Opens an array of `length` elements.
    ///
    /// - Returns: false when the nesting is too deep.
    func open(length: Int) -> Bool {
        guard frames.count < Self.maximumDepth else {
            return refuse("arrays are nested deeper than \(Self.maximumDepth)")
        }
        if length > 0 {
            frames.append(Frame(start: count, missing: length))
        } else {
            append(.array([]))
        }
        return true
    }

    /// Records why an element is refused; returns false.
    func refuse(_ why: String) -> Bool {
        refusal = why
        return false
    }

    private func push(_ value: consuming RedisValue) {
        if count == capacity { grow() }
        unsafe (stack + count).initialize(to: value)
        count += 1
    }

    private func popElements(from start: Int) -> [RedisValue] {
        let length = count - start
        let source = unsafe stack + start
        count = start
        return unsafe Array(unsafeUninitializedCapacity: length) { buffer, initialized in
            unsafe buffer.baseAddress?.moveInitialize(from: source, count: length)
            initialized = length
        }
    }

    private func grow() {
        let larger = UnsafeMutablePointer<RedisValue>.allocate(capacity: capacity * 2)
        unsafe larger.moveInitialize(from: stack, count: count)
        unsafe stack.deallocate()
        unsafe stack = unsafe larger
        capacity *= 2
    }
}

extension ReplyBuilder {
    /// The callback table for hiredis, created once and never freed: every reader points to it.
    nonisolated(unsafe) static let callbacks: UnsafeMutablePointer<redisReplyObjectFunctions> = {
        let table = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        unsafe table.initialize(to: redisReplyObjectFunctions())
        unsafe table.pointee.createString = { task, text, length in
            unsafe ReplyBuilder.answer(task) { builder, type in
                unsafe builder.appendText(type, UnsafeRawBufferPointer(start: text, count: Int(length)))
            }
        }
        // The length is an `int` in hiredis 0.14 and a `size_t` in 1.x.
        unsafe table.pointee.createArray = { task, length in
            unsafe ReplyBuilder.answer(task) { builder, type in
                guard type == REDIS_REPLY_ARRAY else { return builder.refuse("a RESP3 aggregate came") }
                return builder.open(length: Int(length))
            }
        }
        unsafe table.pointee.createInteger = { task, number in
            unsafe ReplyBuilder.answer(task) { builder, _ in
                builder.append(.integer(Int(number)))
                return true
            }
        }
        unsafe table.pointee.createNil = { task in
            unsafe ReplyBuilder.answer(task) { builder, _ in
                builder.append(.null)
                return true
            }
        }
        unsafe table.pointee.freeObject = { _ in }
        unsafe martlet_set_newer_callbacks(table)
        return unsafe table
    }()

    /// Runs `body` with the builder of `task`; a non-NULL result tells hiredis to continue.
    private static func answer(
        _ task: UnsafePointer<redisReadTask>?, _ body: (ReplyBuilder, Int32) -> Bool
    ) -> UnsafeMutableRawPointer? {
        guard let task = unsafe task, let context = unsafe task.pointee.privdata else { return nil }
        let builder = unsafe Unmanaged<ReplyBuilder>.fromOpaque(context).takeUnretainedValue()
        guard unsafe body(builder, task.pointee.type) else { return nil }
        return unsafe UnsafeMutableRawPointer(bitPattern: 1)
    }

    private func appendText(_ type: Int32, _ text: UnsafeRawBufferPointer) -> Bool {
        switch type {
        case REDIS_REPLY_STRING, REDIS_REPLY_STATUS: append(.bytes(unsafe [UInt8](text)))
        case REDIS_REPLY_ERROR: append(.error(unsafe String(decoding: text, as: UTF8.self)))
        default: return refuse("a RESP3 string came")
        }
        return true
    }
}
