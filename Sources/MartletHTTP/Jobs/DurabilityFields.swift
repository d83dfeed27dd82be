// Durability in requests and responses.

import MartletJSON
import MartletQueue

extension Fields {
    /// The level requested in a body.
    mutating func durability() -> Durability? {
        guard let word = text("durability") else { return nil }
        let durability = Durability(rawValue: word)
        if durability == nil { refuse("durability", Durability.rule) }
        return durability
    }
}

extension Query {
    /// The level requested in a query.
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
    /// The durability members of a response; none when neither the push nor the queue requested anything.
    func members(asked: Durability?) -> [(key: String, value: JSONOutput)] {
        if asked == nil, self == .confirmed(.memory) { return [] }
        return [("durability", .string(description))] + (reason.map { [("durability_detail", .string($0))] } ?? [])
    }
}
