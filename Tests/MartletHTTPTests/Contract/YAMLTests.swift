// YAML that every reader takes for the same as the JSON.

import MartletJSON
import Testing

@testable import MartletHTTP

@Suite struct YAMLTests {
    private func yaml(_ json: String) throws -> String { YAMLText.of(try JSONValue(Array(json.utf8))) }

    @Test func `objects and lists are blocks, and empty ones stand on their line`() throws {
        #expect(
            try yaml(#"{"a":{"b":[1,{"c":true,"d":null}],"e":{}},"f":[],"g":[["x"]]}"#) == """
                a:
                  b:
                    - 1
                    - c: true
                      d: null
                  e: {}
                f: []
                g:
                  - - x

                """)
    }

    @Test(arguments: [
        ("plain words", "plain words"), ("true", #""true""#), ("No", #""No""#), ("1.5", #""1.5""#),
        ("a: b", #""a: b""#),
        ("^[a-z]*$", #""^[a-z]*$""#), ("", "\"\""), ("- x", #""- x""#), ("x ", #""x ""#), ("#/a/b", "\"#/a/b\""),
    ])
    func `texts are quoted where they could be taken for something else`(text: String, written: String) {
        #expect(YAMLText.of(.string(text)) == written + "\n")
    }

    @Test func `keys that are no plain names are quoted, and lines stand as a block`() throws {
        #expect(
            try yaml(#"{"/a/{id}":{"200":"one\n\ntwo: 2"},"null":0}"#) == """
                "/a/{id}":
                  "200": |-
                    one

                    two: 2
                "null": 0

                """)
    }
}
