// What counts as a trace context, and its stored form.

import Testing

@testable import MartletJobs

@Suite struct TraceContextTests {
    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test(arguments: [nil, "a=1", "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE", "!~ =,="])
    func `both texts come back as they were, also from the stored form`(state: String?) throws {
        let trace = try #require(TraceContext(traceparent: Self.parent, tracestate: state))
        #expect(trace.traceparent == Self.parent && trace.tracestate == state)
        #expect(trace.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(TraceContext(stored: trace.stored) == trace)
    }

    @Test(arguments: [
        "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", parent + "-", parent + " ", " " + parent,
        parent.uppercased(), "ff" + parent.dropFirst(2), parent.replacing("-", with: "_"),
        parent.replacing("4", with: "g"),
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01", "é" + parent.dropFirst(2),
    ])
    func `what is no traceparent is no context`(text: String) {
        #expect(TraceContext(traceparent: text) == nil)
        #expect(TraceContext(stored: text) == nil)
    }

    @Test func `a later version of the same form is understood`() {
        #expect(TraceContext(traceparent: "01" + Self.parent.dropFirst(2)) != nil)
    }

    @Test(arguments: ["", "a\nb", "é", "\u{7F}", String(repeating: "a", count: 513)])
    func `what is no tracestate is no context`(state: String) {
        #expect(TraceContext(traceparent: Self.parent, tracestate: state) == nil)
    }

    @Test func `a tracestate of 512 bytes is kept`() {
        let state = String(repeating: "a", count: 512)
        #expect(TraceContext(traceparent: Self.parent, tracestate: state)?.tracestate == state)
    }

    @Test func `the pattern for clients says the same as the check`() throws {
        let pattern = try Regex(TraceContext.parentPattern)
        for text in [Self.parent, "01" + Self.parent.dropFirst(2)] { #expect(text.wholeMatch(of: pattern) != nil) }
        let zeros = String(repeating: "0", count: 32)
        for text in [
            "ff" + Self.parent.dropFirst(2), "00-\(zeros)-00f067aa0ba902b7-01", Self.parent.uppercased(),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", Self.parent + "-",
        ] { #expect(text.wholeMatch(of: pattern) == nil, "\(text)") }
    }
}
