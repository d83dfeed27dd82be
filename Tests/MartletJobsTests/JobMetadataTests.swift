// What people attach to a job, and the texts that name one.

import Foundation
import Testing

@testable import MartletJobs

@Suite struct JobMetadataTests {
    @Test func `an object comes from a literal, from a value and from bytes, and is read again`() throws {
        struct Trace: Codable, Equatable, Sendable { var request: String }
        let literal: JobMetadata = ["b": "2", "a": "x/\"y", "b": "3"]
        #expect(String(decoding: literal.json, as: UTF8.self) == #"{"a":"x/\"y","b":"3"}"#)
        let value = try JobMetadata(Trace(request: "r-1"))
        #expect(try value.decode(as: Trace.self) == Trace(request: "r-1"))
        let bytes = Array(#" {"a": [1, {"b": null}, true, "x"], "c": 1.5e3} "#.utf8)
        let written = try JobMetadata(json: bytes)
        #expect(String(decoding: written.json, as: UTF8.self) == #"{"a":[1,{"b":null},true,"x"],"c":1500}"#)
        #expect(try JobMetadata(json: Array(#"{"a":[1,]}"#.utf8)).json == Array(#"{"a":[1]}"#.utf8))
        let none: JobMetadata = [:]
        #expect(none.json == Array("{}".utf8))
    }

    @Test(arguments: ["", "[]", "7", "\"x\"", "null", "{", "{\"a\":}", "{\"a\":01}", "{\"a\":1} x", "{'a':1}"])
    func `what is no object is refused`(_ text: String) throws {
        #expect(throws: JobMetadataError.notAnObject) { try JobMetadata(json: Array(text.utf8)) }
    }

    @Test func `an object that is too large is refused`() throws {
        let fits = "{\"a\":\"" + String(repeating: "x", count: JobMetadata.limit - 8) + "\"}"
        #expect(try JobMetadata(json: Array(fits.utf8)).json.count == JobMetadata.limit)
        let error = #expect(throws: JobMetadataError.self) { try JobMetadata([fits: ""]) }
        #expect(error?.description.contains("16384") == true)
    }

    @Test(arguments: ["a", "send mail", "größe", "メール", "👩‍💻", String(repeating: "x", count: 64)])
    func `a label may have letters, digits, marks and emoji`(_ text: String) { #expect(text.isLabel(upTo: 64)) }

    @Test(arguments: [
        "", String(repeating: "x", count: 65), "a\nb", "\t", "\u{0}", "a\u{7F}", "\u{9B}31m", "a\u{85}",
        "\u{202E}exe.txt",
        "\u{2066}a", "\u{200F}", "\u{61C}", "a\u{2028}b", "\u{2029}",
    ])
    func `a label may not have characters that hide or reorder text`(_ text: String) {
        #expect(!text.isLabel(upTo: 64))
    }
}
