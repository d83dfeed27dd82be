// The fuzzer's program: runs the target that its first argument names under libFuzzer, which reads the others.

import Glibc

typealias FuzzCallback = @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
typealias FuzzArguments = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

/// libFuzzer itself: calls back with one input after the other.
@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
    _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<FuzzArguments>, _ callback: FuzzCallback
) -> CInt

@main
enum Fuzz {
    /// What can be fuzzed; each asserts what must hold, whatever the bytes are.
    private static let targets: [String: @Sendable (Input) -> Void] = [
        "Replies": fuzzReplies, "Records": fuzzRecords, "URLs": fuzzURLs, "Files": fuzzFiles,
        "Answers": fuzzAnswers, "Times": fuzzTimes, "Names": fuzzNames, "JSON": fuzzJSON, "Frames": fuzzFrames,
        "Settings": fuzzSettings, "Logs": fuzzLogs, "Payloads": fuzzPayloads, "Filters": fuzzFilters,
        "Events": fuzzEvents, "Histories": fuzzHistories,
    ]
    private static let target = targets[CommandLine.arguments.dropFirst().first ?? ""]

    static func main() {
        guard target != nil else {
            print(targets.keys.sorted().joined(separator: " "))
            exit(CommandLine.argc > 1 ? 64 : 0)
        }
        exit(run(Array(CommandLine.arguments.prefix(1) + CommandLine.arguments.dropFirst(2))))
    }

    private static func run(_ words: [String]) -> CInt {
        var count = CInt(words.count)
        // libFuzzer may change the list, which therefore lives as long as the process.
        var arguments = FuzzArguments.allocate(capacity: words.count + 1)
        arguments.initialize(repeating: nil, count: words.count + 1)
        for (index, word) in words.enumerated() { arguments[index] = strdup(word) }
        return runFuzzer(&count, &arguments, take)
    }

    private static let take: FuzzCallback = { bytes, count in
        target?(Input(Array(UnsafeBufferPointer(start: bytes, count: count))))
        return 0
    }
}

/// Ends the process with these words when something that must hold does not.
func check(
    _ holds: Bool, _ otherwise: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) {
    if !holds { fatalError(otherwise(), file: file, line: line) }
}

/// The value, which must be there.
func wanted<Value>(
    _ value: Value?, _ otherwise: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) -> Value {
    guard let value else { fatalError(otherwise(), file: file, line: line) }
    return value
}
