// The descriptions of probes, metrics, the API document and the pages of problems in that document.

import MartletJSON

extension RouteDescription {
    static func liveness(_ id: String) -> RouteDescription {
        RouteDescription(
            id, .system, "See whether the process makes progress",
            "Never asks Redis. Restart a process that answers 503.",
            answers: [.ok(.object(SystemView.liveness), "It does.")], problems: [.notAlive],
            examples: [RouteExample("live", "The probe")])
    }

    static func readiness(_ id: String) -> RouteDescription {
        RouteDescription(
            id, .system, "See whether the server is ready", "503 names the failing check within half a second.",
            answers: [.ok(.object(SystemView.readiness), "It is.")], problems: [.notReady],
            examples: [RouteExample("ready", "The probe"), RouteExample("verbose", "With findings", query: "verbose")])
    }

    static var metrics: RouteDescription {
        RouteDescription(
            "getMetrics", .system, "Get metrics", "The Prometheus text format.",
            answers: [.text("text/plain", about: "The metrics.")], problems: [.notFound],
            examples: [RouteExample("metrics", "All metrics")])
    }

    static func document(_ id: String, _ form: String, _ type: String) -> RouteDescription {
        RouteDescription(
            id, .system, "Get this document as \(form)", "It needs no token and holds no secret.",
            answers: [
                .text(type, about: "OpenAPI 3.1.", headers: [.eTag, .cacheControl]), .notModified,
            ], headers: [.ifNoneMatch], examples: [RouteExample("document", "This document")])
    }

    static var problemPage: RouteDescription {
        RouteDescription(
            "getProblem", .system, "Read about a problem",
            "The `type` of each problem is the path of its page: what it means and what to do. HTML where `Accept` asks for it.",
            answers: [.text("text/plain", "text/html", about: "The page.", headers: [.cacheControl])],
            problems: [.notFound], examples: [RouteExample("page", "A page")])
    }
}
