// The query of a request, validated as strictly as a body.

/// The query parameters.
struct Query: Sendable {
    /// The parameters whose names go on with a path, as in `payload.customer.id=4711`.
    private static let families: Set<String> = [PayloadFilter.name]
    private var values: [String: String] = [:]
    private let known: Set<String>

    private init(known: Set<String>) { self.known = known }

    /// The query of a request that has none.
    static func none(known: Set<String>) -> Query { Query(known: known) }

    /// Reads the parameters, each at most once and only those that the route knows.
    init(_ pairs: some Sequence<(key: Substring, value: Substring)>, known: Set<String>) throws(HTTPProblem) {
        self.known = known
        var errors: [FieldError] = []
        for (key, value) in pairs where !key.isEmpty || !value.isEmpty {
            let pointer = "?\(key.prefix(64))"
            let name = Self.family(of: key) ?? String(key)
            if !known.contains(name) {
                errors.append(Self.unknown(String(key), pointer, known))
            } else if Self.families.contains(String(key)) {
                errors.append(FieldError(pointer: pointer, detail: "must go on with a path: \(key).customer.id=4711"))
            } else if values.updateValue(String(value), forKey: String(key)) != nil {
                errors.append(FieldError(pointer: pointer, detail: "appears twice"))
            }
        }
        if !errors.isEmpty { throw .invalid(errors) }
    }

    /// The first part of a name that goes on with a path; `nil` for other names.
    private static func family(of key: Substring) -> String? {
        let name = String(key.prefix { $0 != "." })
        return name.utf8.count < key.utf8.count && families.contains(name) ? name : nil
    }

    /// The parameters of a family by path, in the order of their paths.
    func members(of family: String) -> [(path: String, value: String)] {
        values.filter { $0.key.hasPrefix(family + ".") }.sorted { $0.key < $1.key }
            .map { (String($0.key.dropFirst(family.count + 1)), $0.value) }
    }

    private static func unknown(_ name: String, _ pointer: String, _ known: Set<String>) -> FieldError {
        guard let meant = FieldNames.meant(by: name, among: known.sorted()) else {
            return FieldError(pointer: pointer, detail: "is not known here")
        }
        return FieldError(
            pointer: pointer, detail: "is not known here; did you mean \"\(meant)\"?", isMisspelt: true)
    }

    /// The value; `nil` when the parameter is absent.
    subscript(_ name: String) -> String? {
        assert(known.contains(name), "the route does not declare the query parameter \(name)")
        return values[name]
    }

    /// All parameters in canonical order.
    var canonical: String { values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "&") }

    /// Whether a parameter is present, with or without a value.
    func has(_ name: String) -> Bool {
        assert(known.contains(name), "the route does not declare the query parameter \(name)")
        return values[name] != nil
    }

    /// An integer within a range.
    func integer(_ name: String, in range: ClosedRange<Int>) throws(HTTPProblem) -> Int? {
        guard let text = self[name] else { return nil }
        guard let number = Int(text), range.contains(number), text.first != "+" else {
            throw .invalid("?\(name)", "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// `true` or `false`.
    func flag(_ name: String) throws(HTTPProblem) -> Bool? {
        switch self[name] {
        case nil: nil
        case "true": true
        case "false": false
        default: throw .invalid("?\(name)", "must be true or false")
        }
    }

    /// A number within a range, fractions allowed.
    func number(_ name: String, in range: ClosedRange<Double>) throws(HTTPProblem) -> Double? {
        guard let text = self[name] else { return nil }
        // Words such as `inf` are numbers for Swift, and for no one else.
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || ".eE+-".utf8.contains($0) }),
            let number = Double(text), range.contains(number)
        else { throw .invalid("?\(name)", range.rule) }
        return number
    }
}
