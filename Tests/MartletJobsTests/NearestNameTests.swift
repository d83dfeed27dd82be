// Which known name is found for a misspelt one, and when none is.

import MartletJobs
import Testing

@Suite struct NearestNameTests {
    @Test(
        arguments: [
            ("priorty", "priority"), ("pirority", "priority"), ("prioriti", "priority"), ("prioritty", "priority"),
            ("tgas", "tags"), ("priority", "priority"), ("size", nil), ("", nil),
        ] as [(String, String?)])
    func `the name that differs least is found within the limit`(_ name: String, _ expected: String?) {
        #expect(NearestName.of(name, among: ["priority", "tags"]) { _ in 2 } == expected)
    }

    @Test func `among equally near names the first is chosen, and the limit may depend on the name`() {
        #expect(NearestName.of("cat", among: ["hat", "bat"]) { _ in 1 } == "hat")
        #expect(NearestName.of("cat", among: ["hat", "cart"]) { $0.utf8.count > 3 ? 1 : 0 } == "cart")
        #expect(NearestName.of(String(repeating: "a", count: 65), among: ["a"]) { _ in 100 } == nil)
    }
}
