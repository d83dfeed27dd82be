// Which problems a route can answer with, by its table entry and its description.

import HTTPTypes

extension Route {
    /// The problems of the route by its own rules, beside those of the connection.
    var problems: [ProblemCode] {
        var codes: [ProblemCode] = [.invalidRequest, .foreignHost, .shuttingDown, .internal]
        if roles != nil { codes += [.unauthorized, .forbidden, .tooManyFailures] }
        if isLimited { codes.append(.tooManyRequests) }
        if isRead { codes.append(.answersFull) } else { codes += [.crossSite, .outcomeUnknown] }
        if body.shape != nil {
            codes += [.malformedJSON, .tooLarge, .wrongType, .encodedBody, .bodiesFull]
        }
        let about = about()
        if about.tag != .system { codes += ProblemCode.redis }
        return codes + about.problems
    }

    /// All problems by status, in the order of the codes.
    var problemsByStatus: [Int: [ProblemCode]] {
        let codes = Set(problems + ProblemCode.connection)
        return Dictionary(grouping: ProblemCode.allCases.filter(codes.contains)) { $0.status.code }
    }
}
