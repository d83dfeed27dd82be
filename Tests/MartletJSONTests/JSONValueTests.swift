// JSON in and out: what came goes out as it came, and what is no JSON is named with its place.

import MartletCommandSupport
import Testing

@testable import MartletJSON

@Suite struct JSONValueTests {
    @Test(
        arguments: [
            #"{"a":[1,2.5,true,null,"ü/"],"b":{"c":9007199254740993}}"#, "1e400", "-0", "-1E-400", "0.10",
            "18446744073709551616", "123456789012345678901234567890.000000000000000000000001",
            #"{"z":1,"a":2,"m":{"b":1,"a":1}}"#, "{\"\u{E9}\":1,\"e\u{301}\":2}", #"{"a":1,"a":2}"#,
            #""\u00fc\/\ud83d\ude00""#, #"["\ud800"]"#, "[]", "{}", #""""#, "[[],{},[[]]]",
        ])
    func `a value is written as it was read`(_ text: String) throws {
        let json = try JSONValue(text.utf8)
        #expect(json.bytes == Array(text.utf8))
        #expect(json.line == text)
        let again = try JSONValue(json.pretty.utf8)
        #expect(again.line == text, "laid out for people it is the same value")
    }

    @Test func `space between values is removed, space in strings is kept`() throws {
        #expect(try JSONValue(" { \"a b\" : [ 1 , \"c  d\" ] } \n".utf8).line == #"{"a b":[1,"c  d"]}"#)
        #expect(try JSONValue.verbatim(Array(" {\"a\" :  1} \n".utf8), source: "x").bytes == Array("{\"a\" :  1}".utf8))
    }

    @Test func `numbers are read only where they fit`() throws {
        #expect(try JSONValue("9007199254740993".utf8).int == 9_007_199_254_740_993)
        #expect(try JSONValue("9223372036854775808".utf8).int == nil)
        #expect(try JSONValue("1e400".utf8).double == nil)
        #expect(try JSONValue("1e400".utf8).int == nil)
        #expect(try JSONValue("2.0".utf8).int == 2)
        #expect(try JSONValue("-1e300".utf8).double == -1e300)
        #expect(try JSONValue("\"12\"".utf8).int == nil, "a text is no number")
        #expect(JSONValue.number(.infinity).isNull)
    }

    @Test func `texts are read with their escapes and written with what must be escaped`() throws {
        #expect(try JSONValue(#""a\"\\\/\b\f\n\r\tü😀""#.utf8).string == "a\"\\/\u{8}\u{C}\n\r\tü😀")
        #expect(try JSONValue(#""\ud800x""#.utf8).string == "\u{FFFD}x")
        let text = "\"\\\n\r\t\u{1}ü"
        #expect(JSONValue.string(text).line == #""\"\\\n\r\t\u0001ü""#)
        #expect(JSONValue.string(text).string == text)
    }

    @Test func `fields are found by the bytes of their names, the last of several counts`() throws {
        let json = try JSONValue("{\"a\":1,\"a\":2,\"\u{E9}\":3,\"e\u{301}\":4,\"\\u0062\":5}".utf8)
        #expect(json["a"].int == 2)
        #expect(json["\u{E9}"].int == 3 && json["e\u{301}"].int == 4)
        #expect(json["b"].int == 5)
        #expect(json["nothing"]["at all"].isNull)
        var object = try #require(json.object)
        object["a"] = nil
        #expect(object["a"]?.int == 1)
        object["new"] = 7
        #expect(JSONValue.object(object).line.hasSuffix(#","new":7}"#))
    }

    @Test func `what a terminal could take for a command is escaped, and the value stays`() throws {
        let json = JSONValue.object(["na\u{9B}me": .string("a\u{9B}31m\u{202E}b\u{E0001}")])
        #expect(json.line == #"{"na\u009bme":"a\u009b31m\u202eb\udb40\udc01"}"#)
        #expect(try JSONValue(json.line.utf8)["na\u{9B}me"].string == "a\u{9B}31m\u{202E}b\u{E0001}")
        #expect(
            json.bytes == Array("{\"na\u{9B}me\":\"a\u{9B}31m\u{202E}b\u{E0001}\"}".utf8), "the server gets it as it is"
        )
    }

    @Test(
        arguments: [
            ("", 1), ("{", 2), ("[1,]", 4), ("[1 2]", 4), (#"{"a" 1}"#, 6), (#"{"a":1,}"#, 8), ("{a:1}", 2), ("tru", 1),
            ("01", 2), ("1.", 3), ("-", 2), ("+1", 1), ("1e", 3), ("\"a", 3), ("\"\u{1}\"", 2), (#""\x""#, 3),
            (#""\u12g4""#, 3), ("1 2", 3), ("nan", 1), ("[1", 3), ("'a'", 1),
        ])
    func `invalid JSON is reported with its place`(_ text: String, _ place: Int) {
        let fault = #expect(throws: JSONSyntaxError.self) { try JSONValue(text.utf8) }
        #expect(fault?.offset == place - 1, "\(fault?.reason ?? "")")
        let failure = #expect(throws: CommandFailure.self) { try JSONValue.parse(text.utf8, source: "the payload") }
        #expect(failure?.code == .usage && failure?.message.hasPrefix("the payload is not JSON: ") == true)
    }

    @Test func `bytes that are not UTF-8 and unbounded nesting are refused`() {
        #expect(throws: JSONSyntaxError.self) { try JSONValue([0x22, 0xFF, 0x22]) }
        #expect(throws: JSONSyntaxError.self) { try JSONValue(String(repeating: "[", count: 100_000).utf8) }
        #expect(throws: Never.self) {
            try JSONValue((String(repeating: "[", count: 500) + String(repeating: "]", count: 500)).utf8)
        }
    }
}
