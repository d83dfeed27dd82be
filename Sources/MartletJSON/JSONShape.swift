// Which members of a JSON object have no effect, so that its canonical form leaves them out.

/// The members of a JSON object that have no effect, so that stating them or not is the same.
///
/// `null` has no effect either, unless the member is in ``nullable``.
package struct JSONShape: Sendable {
    /// The canonical default of each of these members.
    package var defaults: [String: String]
    /// The members whose `null` is a distinct value.
    package var nullable: Set<String>
    /// The members that never have an effect on what is asked for.
    package var ignored: Set<String>
    /// The members that are objects or lists of objects, with the objects' shapes.
    package var nested: [String: JSONShape]
    /// The one text for every spelling of a member's value; `nil` leaves the value as it is.
    package var readings: [String: Reading]

    /// Takes a canonical value.
    package typealias Reading = @Sendable (ArraySlice<UInt8>) -> String?

    package init(
        defaults: [String: String] = [:], nullable: Set<String> = [], ignored: Set<String> = [],
        nested: [String: JSONShape] = [:], readings: [String: Reading] = [:]
    ) {
        self.defaults = defaults
        self.nullable = nullable
        self.ignored = ignored
        self.nested = nested
        self.readings = readings
    }

    /// Whether a member with this canonical value has no effect.
    package func isOmitted(_ name: String, _ value: ArraySlice<UInt8>) -> Bool {
        if ignored.contains(name) { return true }
        if value.elementsEqual("null".utf8), !nullable.contains(name) { return true }
        return defaults[name].map { value.elementsEqual($0.utf8) } ?? false
    }
}
