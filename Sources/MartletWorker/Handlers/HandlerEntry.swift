// One registered handler: takes payload bytes, returns output bytes.

import FoundationEssentials
import MartletJSON
import MartletJobs
import MartletQueue

/// A handler with its payload type erased.
struct HandlerEntry: Sendable {
    /// The wire name of the jobs that the handler runs.
    let type: String
    /// The handler's name in messages.
    let name: String
    /// Where the handler runs.
    let place: HandlerPlace
    /// Decodes the payload, runs the handler and encodes its output; returns `nil` for ``MartletJobs/Empty``.
    let run: @concurrent @Sendable ([UInt8], JobContext) async throws -> [UInt8]?

    init<Handler: JobHandler>(_ handler: Handler, named name: String) {
        typealias Payload = Handler.Payload
        type = Payload.name
        self.name = name
        place = handler.runsOn
        let hasOutput = Payload.Output.self != Empty.self
        let reader = PayloadReader<Payload>()
        run = { payload, context in
            let job: Payload
            do { job = try reader.read(payload) } catch {
                throw UndecodablePayload(type: Payload.name, error)
            }
            let output = try await handler.run(job, context: context)
            // Most jobs return nothing, so nothing is encoded.
            return hasOutput ? JobOutput.encode(output) : nil
        }
    }

    /// An entry for a handler that takes the raw payload.
    init(_ handler: OnRaw) {
        type = handler.type
        name = handler.description
        place = handler.runsOn
        let body = handler.body
        run = { payload, context in try await body(payload, context).map(JobOutput.kept) }
    }
}

/// Encodes the output of a handler for the queue.
enum JobOutput {
    /// The output as JSON within the queue's size limit.
    ///
    /// The handler has succeeded. An output that cannot be encoded does not fail the job; the stored result holds the
    /// reason instead.
    static func encode(_ output: some Encodable) -> [UInt8] {
        do {
            return kept(Array(try JSONEncoder().encode(output)))
        } catch {
            return marker("output_not_encodable", String("\(error)".prefix(1000)))
        }
    }

    /// Encoded output, or the reason why it is not kept.
    static func kept(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count > Settlement.outputLimit else { return bytes }
        return marker("output_too_large", "\(bytes.count) bytes; at most \(Settlement.outputLimit) are kept")
    }

    private static func marker(_ code: String, _ detail: String) -> [UInt8] {
        let words = ["martlet_error": code, "detail": detail]
        return (try? JSONEncoder().encode(words)).map(Array.init) ?? Array("{\"martlet_error\":\"\(code)\"}".utf8)
    }
}

/// The payload cannot be decoded as the handler's type; no retry can succeed.
struct UndecodablePayload: RetryAdvising, CustomStringConvertible {
    let description: String
    var retryAdvice: RetryAdvice { .never }

    init(type: String, _ error: any Error) {
        description = "the payload cannot be read as a job of type \(type): \(Self.reason(error))"
    }

    /// Where decoding failed and why, without values from the payload.
    private static func reason(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, let context): "\(place(context)) lacks \(key.stringValue)"
        case DecodingError.typeMismatch(let type, let context): "\(place(context)) is not \(name(type))"
        case DecodingError.valueNotFound(let type, let context): "\(place(context)) is null, not \(name(type))"
        case DecodingError.dataCorrupted(let context):
            "\(place(context)) is not valid" + (context.codingPath.isEmpty ? "" : ": \(context.debugDescription)")
        default: "\(error)"
        }
    }

    /// The JSON name of a type.
    private static func name(_ type: any Any.Type) -> String {
        switch type {
        case is String.Type: "a string"
        case is Bool.Type: "true or false"
        case is any BinaryInteger.Type: "a whole number in the range of \(type)"
        case is any BinaryFloatingPoint.Type: "a number"
        case is [String: Any].Type: "an object"
        case is [Any].Type: "a list"
        default: "of type \(type)"
        }
    }

    private static func place(_ context: DecodingError.Context) -> String {
        let path = context.codingPath.map(\.stringValue).joined(separator: ".")
        return path.isEmpty ? "it" : path
    }
}
