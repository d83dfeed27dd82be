// Ids: the alphabet, the order of our own, and what can be read from them.

import Foundation
import Testing

@testable import MartletJobs

@Suite struct JobIDTests {
    @Test(arguments: ["a", "A.b_c:d-9", String(repeating: "x", count: 128)])
    func `ids within the alphabet and the limit are taken as they are`(text: String) throws {
        #expect(JobID(text)?.description == text)
        let data = try JSONEncoder().encode([JobID(text)])
        #expect(try JSONDecoder().decode([JobID].self, from: data).first?.description == text)
    }

    @Test(
        arguments: [
            "", " ", "a b", "a/b", "{a}", "é", "a\n", "\0", "*", String(repeating: "x", count: 129), ".", "..", "....",
            "bulk", "batch-action", "status",
        ])
    func `other ids are refused everywhere`(text: String) throws {
        #expect(JobID(text) == nil)
        let data = try JSONEncoder().encode([text])
        #expect(throws: DecodingError.self) { try JSONDecoder().decode([JobID].self, from: data) }
        let error = #expect(throws: JobIDError(text: text)) { try JobID(validating: text) }
        #expect(error?.description.contains("must match") == true)
    }

    @Test func `a good id passes the check, and refused ids that are stored can be read`() throws {
        #expect(try JobID(validating: "order-4711.") == JobID("order-4711."))
        #expect(JobID(stored: "..")?.description == "..")
        #expect(JobID(stored: "a b") == nil)
        #expect(JobID(stored: "bulk")?.description == "bulk")
        #expect(JobID.isName("bulk") && !JobID.isName("..") && !JobID.isName("a b"))
        #expect(try JobID(validating: "BULK").description == "BULK")
    }

    @Test func `ids that we make rise, never repeat, and are 26 lower-case characters`() throws {
        let ids = (0..<20_000).map { _ in JobID.generate().description }
        #expect(ids == ids.sorted())
        #expect(Set(ids).count == ids.count)
        #expect(ids.allSatisfy { $0.count == 26 && $0 == $0.lowercased() && JobID($0) != nil })
    }

    @Test func `ids made by many tasks at once never repeat`() async {
        let all = await withTaskGroup(of: [JobID].self) { group in
            for _ in 0..<8 { group.addTask { (0..<2000).map { _ in JobID.generate() } } }
            return await group.reduce(into: Set<JobID>()) { $0.formUnion($1) }
        }
        #expect(all.count == 16_000)
    }

    @Test func `the time of its making can be read from one of ours, and from no other`() throws {
        let made = try #require(JobID.generate().generatedAt)
        #expect(abs(made.timeIntervalSinceNow) < 5)
        for text in ["abc", "8zzzzzzzzzzzzzzzzzzzzzzzzz", "0000000000000000000000000u", "0000000000000000000000000A"] {
            #expect(try #require(JobID(text)).generatedAt == nil)
        }
    }

    @Test func `a clock that goes back does not make ids go back`() {
        var generator = ULIDGenerator()
        let first = generator.next(at: 1_700_000_000_000)
        let earlier = generator.next(at: 1_600_000_000_000)
        let later = generator.next(at: 1_700_000_000_001)
        #expect(first < earlier && earlier < later)
        #expect(ULIDGenerator.milliseconds(of: earlier) == 1_700_000_000_000)
        #expect(ULIDGenerator.milliseconds(of: later) == 1_700_000_000_001)
    }
}
