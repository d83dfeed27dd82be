// Checks JSON against the schemas of the API's document, more strictly than the document asks: no undescribed member.

import Foundation
import MartletJSON

/// The faults of values by the schemas of one document.
struct SchemaCheck {
    private let schemas: [String: JSONObject]
    /// The members of named objects that were seen, as `Name.member`.
    private(set) var seen: Set<String> = []

    /// As many elements of a list are checked; what comes later is made by the same code.
    private static let longest = 20

    init(document: JSONValue) {
        let schemas = document["components"]["schemas"].object?.fields ?? []
        self.schemas = Dictionary(uniqueKeysWithValues: schemas.map { ($0.name, $0.value.object ?? JSONObject()) })
    }

    private static let annotations: Set<String> = ["description", "default", "example", "examples", "format"]

    /// The faults of a value; empty when it fits.
    mutating func faults(_ value: JSONValue, _ schema: JSONValue, at place: String = "") -> [String] {
        guard let keywords = schema.object else { return ["\(place): the schema is no object"] }
        var faults: [String] = []
        func fault(_ text: String) {
            faults.append("\(place.isEmpty ? "the value" : place) \(text): \(value.line.prefix(120))")
        }
        for name in keywords.names where !Self.annotations.contains(name) {
            let rule = keywords[name] ?? .null
            switch name {
            case "$ref": faults += object(value, named: rule.string ?? "", at: place)
            case "type":
                if !Self.types(of: rule).contains(where: { Self.isOfType(value, $0) }) { fault("is no \(rule.line)") }
            case "enum": if !(rule.array ?? []).contains(value) { fault("is none of \(rule.line)") }
            case "const": if rule != value { fault("is not \(rule.line)") }
            case "pattern":
                guard let text = value.string, let pattern = rule.string else { break }
                if text.range(of: pattern, options: .regularExpression) == nil { fault("does not match \(pattern)") }
            case "minLength":
                if let text = value.string, text.unicodeScalars.count < rule.int ?? 0 { fault("is too short") }
            case "maxLength":
                if let text = value.string, text.unicodeScalars.count > rule.int ?? 0 { fault("is too long") }
            case "minimum": if let number = value.double, number < rule.double ?? 0 { fault("is too small") }
            case "maximum": if let number = value.double, number > rule.double ?? 0 { fault("is too large") }
            case "minItems": if let items = value.array, items.count < rule.int ?? 0 { fault("has too few elements") }
            case "maxItems": if let items = value.array, items.count > rule.int ?? 0 { fault("has too many elements") }
            case "minProperties":
                if let members = value.object, members.names.count < rule.int ?? 0 { fault("has too few members") }
            case "items":
                for (index, item) in (value.array ?? []).prefix(Self.longest).enumerated() {
                    faults += self.faults(item, rule, at: "\(place)/\(index)")
                }
            case "additionalProperties" where rule.object != nil:
                for field in value.object?.fields ?? [] {
                    faults += self.faults(field.value, rule, at: "\(place)/\(field.name)")
                }
            case "anyOf": if !(rule.array ?? []).contains(where: { fits(value, $0) }) { fault("fits none of anyOf") }
            case "oneOf":
                if (rule.array ?? []).count(where: { fits(value, $0, isPart: true) }) != 1 {
                    fault("fits not one of oneOf")
                }
            case "not": if fits(value, rule, isPart: true) { fault("is what it must not be") }
            case "if":
                let branch = keywords[fits(value, rule, isPart: true) ? "then" : "else"]
                if let branch, !fits(value, branch, isPart: true) { fault("does not fit the condition") }
            case "required":
                guard let members = value.object else { break }
                for name in (rule.array ?? []).compactMap(\.string) where members[name] == nil {
                    fault("lacks \(name)")
                }
            case "properties", "then", "else", "additionalProperties": break
            default: fault("has a keyword that this check does not know, \(name)")
            }
        }
        if let properties = keywords["properties"]?.object {
            for field in value.object?.fields ?? [] {
                if let schema = properties[field.name] {
                    faults += self.faults(field.value, schema, at: "\(place)/\(field.name)")
                } else if !isPartOfAnother {
                    fault("has the undescribed member \(field.name)")
                }
            }
        }
        return faults
    }

    /// Whether the schema is a condition on members that another schema describes.
    private var isPartOfAnother = false

    private mutating func fits(_ value: JSONValue, _ schema: JSONValue, isPart: Bool = false) -> Bool {
        let outer = isPartOfAnother
        isPartOfAnother = outer || isPart
        defer { isPartOfAnother = outer }
        return faults(value, schema).isEmpty
    }

    private mutating func object(_ value: JSONValue, named reference: String, at place: String) -> [String] {
        let name = String(reference.split(separator: "/").last ?? "")
        guard let schema = schemas[name] else { return ["there is no schema \(reference)"] }
        let faults = faults(value, .object(schema), at: place)
        if faults.isEmpty { for member in value.object?.names ?? [] { seen.insert("\(name).\(member)") } }
        return faults
    }

    private static func types(of rule: JSONValue) -> [String] {
        rule.array?.compactMap(\.string) ?? [rule.string ?? ""]
    }

    private static func isOfType(_ value: JSONValue, _ type: String) -> Bool {
        switch type {
        case "null": value.isNull
        case "boolean": value.bool != nil
        case "string": value.string != nil
        case "number": value.double != nil
        case "integer": value.int != nil
        case "array": value.array != nil
        case "object": value.object != nil
        default: false
        }
    }
}
