// Hidden fields of payloads: which they are, how they look, and that nothing tells what they hold.

import FoundationEssentials
import Testing

@testable import MartletQueue

private func shown(_ payload: String, _ rules: String, type: String = "t", key: String = "k") throws -> String {
    let hidden = HiddenFields(try #require(Redaction(rules)), key: Array(key.utf8))
    return String(decoding: hidden.shown(Array(payload.utf8), type: type), as: UTF8.self)
}

@Suite struct RedactionTests {
    @Test func `hidden fields are digests, and everything else is as it was pushed`() throws {
        let payload = #"{"to":"ada","password":"4711","n":1.50,"deep":{"pin":12,"x":[{"pin":1},{"pin":2}]}}"#
        let text = try shown(payload, "password,deep.pin,deep.x.pin")
        #expect(text.hasPrefix(#"{"to":"ada","password":"REDACTED:"#) && text.contains(#","n":1.50,"#), "\(text)")
        #expect(!text.contains("4711") && !text.contains(#""pin":1"#) && !text.contains(#""pin":2"#), "\(text)")
        #expect(text.components(separatedBy: "REDACTED:").count == 5, "\(text)")
        #expect(try shown(payload, "t=nothing") == payload && shown(payload, "other=password") == payload)
    }

    @Test func `a digest depends on the value and the installation, not on its spelling`() throws {
        let one = try shown(#"{"a":"x"}"#, "a")
        #expect(try one == shown(#"{"a":"\u0078"}"#, "a") && one != shown(#"{"a":"y"}"#, "a"))
        #expect(try one != shown(#"{"a":"x"}"#, "a", key: "other"))
    }

    @Test(arguments: [
        (#"{"a":1,"a":2}"#, "a", 2), (#"[{"a":1},{"a":2}]"#, "a", 2), (#"{"a":{"b":1}}"#, "a", 1),
        (#"{"a":[1,2]}"#, "a", 1), (#"{"a":[1,2]}"#, "a.1", 1), ("no json", "a", 1), (#"{"a":"x"}"#, "payload.a", 1),
        (#"{"a":"x"}"#, "u=b;t=c,a", 1), ("{}", "a", 0), ("3", "a", 0), (#"{"\u0061":1}"#, "a", 1),
    ])
    func `each form of a hidden field is hidden`(payload: String, rules: String, count: Int) throws {
        let text = try shown(payload, rules)
        #expect(text.components(separatedBy: "REDACTED:").count == count + 1, "\(text)")
    }

    @Test(arguments: [
        "", ";", "a,,b", "a..b", "=a", "t=", "a;", "ü\u{202E}=a", String(repeating: "a.", count: 20) + "b",
    ])
    func `rules that cannot be meant are refused`(text: String) { #expect(Redaction(text) == nil, "\(text)") }

    @Test(arguments: [
        ("card.number", true), ("card", true), ("card.number.x", true), ("card.0.number", true), ("card.name", false),
        ("other", false),
    ])
    func `a condition on a hidden field, a part or a container of it is seen`(path: String, isHidden: Bool) throws {
        let redaction = try #require(Redaction("pay=card.number"))
        let condition = try #require(PayloadCondition(path, equals: "1"))
        #expect(redaction.hides(condition, of: nil) == isHidden && redaction.hides(condition, of: "pay") == isHidden)
        #expect(!redaction.hides(condition, of: "mail"))
    }

    @Test func `a payload that was copied from where it is shown is noticed`() throws {
        let redaction = try #require(Redaction("a.b"))
        #expect(redaction.holdsDigest(Array(#"{"a":{"b":"REDACTED:0123"}}"#.utf8), type: "t"))
        #expect(!redaction.holdsDigest(Array(#"{"a":{"b":"x"},"c":"REDACTED:0123"}"#.utf8), type: "t"))
    }
}
