// How a push says how safe it must be, and how its answer says how safe it is.

import MartletQueue

extension Fields {
    /// The level that a body asks for.
    mutating func durability() -> Durability? {
        guard let word = text("durability") else { return nil }
        let durability = Durability(rawValue: word)
        if durability == nil { refuse("durability", Durability.rule) }
        return durability
    }
}

extension Query {
    /// The level that a query asks for.
    func durability() throws(HTTPProblem) -> Durability? {
        guard let word = self["durability"] else { return nil }
        guard let durability = Durability(rawValue: word) else { throw .invalid("?durability", Durability.rule) }
        return durability
    }
}

extension Durability {
    fileprivate static let rule = "must be one of " + allCases.map(\.rawValue).joined(separator: ", ")
}

extension Confirmation {
    /// What the answer to a push says of it; nothing where neither the push nor the queue asked for anything.
    func members(asked: Durability?) -> [(key: String, value: JSONOutput)] {
        if asked == nil, self == .confirmed(.memory) { return [] }
        return [("durability", .string(description))] + (reason.map { [("durability_detail", .string($0))] } ?? [])
    }
}
