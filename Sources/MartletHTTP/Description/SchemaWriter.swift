// Writes schemas as JSON, and each named object once among the components.

import MartletJSON

/// A writer of schemas for one server.
struct SchemaWriter {
    private let settings: ServerSettings
    /// The schemas of named objects.
    private(set) var components = JSONObject()

    init(settings: ServerSettings) { self.settings = settings }

    /// The schema as JSON.
    mutating func json(_ schema: Schema) -> JSONValue {
        switch schema {
        case .keywords(let keywords): return .object(keywords)
        case .object(let shape): return reference(to: shape)
        case .map(let values):
            return .fields(["type": "object", "additionalProperties": json(values)])
        case .limited(let make): return json(make(settings))
        case .anyOf(let schemas):
            var options: [JSONValue] = []
            for schema in schemas { options.append(json(schema)) }
            return .fields(["anyOf": .array(options)])
        case .list(let items, let bounds):
            var list: JSONObject = ["type": "array", "items": json(items)]
            for name in bounds.names { list[name] = bounds[name] }
            return .object(list)
        case .nullable(let schema): return Self.nullable(json(schema))
        }
    }

    /// The schema of a member, parameter or header, with what it means.
    mutating func json(_ property: Property) -> JSONValue {
        json(property.isNullable ? .nullable(property.schema) : property.schema)
            .adding("description", .string(property.about))
            .adding("default", property.standard)
    }

    private mutating func reference(to shape: ObjectShape) -> JSONValue {
        if components[shape.name] == nil {
            // The place is kept first, so that components stand in the order of their use.
            components[shape.name] = .null
            components[shape.name] = object(shape)
        }
        return .fields(["$ref": .string("#/components/schemas/\(shape.name)")])
    }

    private mutating func object(_ shape: ObjectShape) -> JSONValue {
        var properties = JSONObject()
        for property in shape.properties { properties[property.name] = json(property) }
        let required = shape.properties.filter(\.isRequired).map { JSONValue.string($0.name) }
        var object: JSONObject = ["type": "object", "description": .string(shape.about)]
        object["properties"] = .object(properties)
        if !required.isEmpty { object["required"] = .array(required) }
        if shape.isClosed { object["additionalProperties"] = false }
        for name in shape.rules.names { object[name] = shape.rules[name] }
        return .object(object)
    }

    /// The same schema with `null`.
    private static func nullable(_ schema: JSONValue) -> JSONValue {
        guard case .object(var keywords) = schema, let type = keywords["type"], type.string != nil else {
            return .fields(["anyOf": .array([schema, .fields(["type": "null"])])])
        }
        keywords["type"] = .array([type, "null"])
        if let words = keywords["enum"]?.array { keywords["enum"] = .array(words + [.null]) }
        return .object(keywords)
    }
}
