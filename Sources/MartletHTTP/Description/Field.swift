// A field of a body: its description in the API document and how it is read, in one value.

import MartletJSON
import MartletJobs

/// A field of a request's body.
///
/// ```swift
/// static let priority = Field.integer("priority", in: -1000...1000, "A larger number runs first.", default: 0)
/// let priority = fields.read(Self.priority)
/// ```
struct Field<Value>: Described, Sendable {
    private(set) var property: Property
    /// Reads the field; `nil` when it is absent, or refused.
    let read: @Sendable (inout Fields) -> Value?

    /// A field with its own way to be read.
    init(_ property: Property, read: @escaping @Sendable (inout Fields) -> Value?) {
        self.property = property
        self.read = read
    }

    /// A field whose absence and `null` mean the same.
    init(
        _ name: String, _ schema: Schema, _ about: String, required: Bool = false, default standard: JSONValue? = nil,
        read: @escaping @Sendable (inout Fields) -> Value?
    ) {
        self.init(
            Property(
                name: name, schema: schema, about: about, isRequired: required, isNullable: !required,
                standard: standard),
            read: read)
    }

    /// The same field where `null` is refused; the reader of the body refuses it.
    var refusingNull: Field {
        var copy = self
        copy.property.isNullable = false
        return copy
    }

    /// The same field where absence leaves a value as it is.
    var ofChange: Field {
        var copy = self
        copy.property.standard = nil
        return copy
    }
}

/// A field whose bounds are settings of the server.
struct LimitedField<Value>: Described, Sendable {
    let property: Property
    /// Reads the field; `nil` when it is absent, or refused.
    let read: @Sendable (inout Fields, ServerSettings) -> Value?
}

extension Fields {
    /// The value of a field; `nil` when it is absent, or refused with an error.
    mutating func read<Value>(_ field: Field<Value>) -> Value? { field.read(&self) }

    /// The same for a field whose bounds are settings.
    mutating func read<Value>(_ field: LimitedField<Value>, _ settings: ServerSettings) -> Value? {
        field.read(&self, settings)
    }

    /// Whether a field is `null`, which resets a setting to its default.
    mutating func isNull<Value>(_ field: Field<Value>) -> Bool { isNull(field.property.name) }

    /// Whether a field exists and is not `null`.
    func has<Value>(_ field: Field<Value>) -> Bool { has(field.property.name) }

    /// Records an error of a field.
    mutating func refuse<Value>(_ field: Field<Value>, _ detail: String) { refuse(field.property.name, detail) }
}

// MARK: - Kinds

extension Field where Value == Int {
    static func integer(
        _ name: String, in range: ClosedRange<Int>, _ about: String, required: Bool = false,
        default standard: Int? = nil
    ) -> Field {
        Field(name, .integer(range), about, required: required, default: standard.map { .integer($0) }) {
            $0.integer(name, in: range, required: required)
        }
    }
}

extension Field where Value == Double {
    static func number(
        _ name: String, in range: ClosedRange<Double>, _ about: String, default standard: Double? = nil
    ) -> Field {
        Field(name, .number(range), about, default: standard.map { .number($0) }) { $0.number(name, in: range) }
    }
}

extension Field where Value == Duration {
    static func seconds(
        _ name: String, in range: ClosedRange<Double>, _ about: String, default standard: Double? = nil
    ) -> Field {
        Field(name, .number(range), about, default: standard.map { .number($0) }) { $0.seconds(name, in: range) }
    }
}

extension Field where Value == Bool {
    static func flag(_ name: String, _ about: String, default standard: Bool? = nil) -> Field {
        Field(name, .flag, about, default: standard.map { .bool($0) }) { $0.flag(name) }
    }
}

extension Field where Value == String {
    /// A text; `schema` is for one that the rules of another module limit further.
    static func text(
        _ name: String, length: ClosedRange<Int> = 1...128, _ about: String, required: Bool = false,
        schema: Schema? = nil
    ) -> Field {
        Field(name, schema ?? .text(length), about, required: required) {
            $0.text(name, length: length, required: required)
        }
    }
}

extension Field where Value: RawRepresentable<String> & CaseIterable & Sendable {
    /// One of the words of a type.
    static func word(_ name: String, _ about: String, default standard: Value? = nil) -> Field {
        Field(name, .words(Value.self), about, default: standard.map { .string($0.rawValue) }) { fields in
            guard let word = fields.text(name) else { return nil }
            let value = Value(rawValue: word)
            if value == nil {
                fields.refuse(name, "must be one of " + Value.allCases.map(\.rawValue).joined(separator: ", "))
            }
            return value
        }
    }
}

extension LimitedField where Value == [JSONText] {
    /// A list with at most as many elements as a batch may have; one more is read, so that the reader can refuse it.
    static func batch(_ name: String, of items: Schema, _ about: String, required: Bool = false) -> LimitedField {
        let property = Property(
            name: name, schema: .batch(of: items), about: about, isRequired: required, isNullable: !required)
        return LimitedField(property: property) { $0.list(name, limit: $1.batchLimit) }
    }
}
