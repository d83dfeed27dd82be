// How the document and the pages of problems are served.

import Foundation
import HTTPTypes
import MartletJSON
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP

@Suite struct DocumentRouteTests {
    @Test(arguments: ["/openapi.json", "/openapi.yaml"])
    func `the document needs no token, is the same each time, and may be kept by its tag`(path: String) async throws {
        let token = try newToken()
        try await withServer(tokens: token.line) { server in
            let first = try await server.get(path)
            #expect(first.status == 200)
            #expect(
                first.headers.first(name: "content-type")
                    == (path.hasSuffix("json") ? "application/json" : "application/yaml"))
            #expect(first.headers.first(name: "cache-control") == "public, max-age=300")
            let tag = try #require(first.headers.first(name: "etag"))
            let again = try await server.get(path, headers: [("if-none-match", tag)])
            #expect(again.status == 304 && again.body.isEmpty)
            #expect(again.headers.first(name: "cache-control") == "public, max-age=300")
            let head = try await server.send(.HEAD, path, headers: [("Accept-Encoding", "identity")])
            #expect(head.status == 200 && head.body.isEmpty)
            #expect(head.headers.first(name: "content-length") == "\(first.body.count)")
            #expect(try await server.get(path).body == first.body)
        }
    }

    @Test func `the served document shows the limits of its server`() async throws {
        try await withServer(settings: {
            $0.batchLimit = 17; $0.version = "9.8.7"
        }) { server in
            let document = try JSONValue(try await server.get("/openapi.json").body)
            #expect(document["info"]["version"].string == "9.8.7")
            let jobs = document["components"]["schemas"]["NewJobs"]["properties"]["jobs"]
            #expect(jobs["maxItems"].int == 17)
        }
    }

    @Test func `the type of every problem is the path of a page that explains it`() async throws {
        try await withServer { server in
            for code in ProblemCode.allCases {
                let text = try await server.get(code.page)
                #expect(text.status == 200 && text.headers.first(name: "content-type") == "text/plain; charset=utf-8")
                #expect(text.text.hasPrefix("\(code.rawValue) (\(code.status.code) "))
                #expect(text.text.contains(code.meaning) && text.text.contains(code.advice))
                let html = try await server.get(code.page, headers: [("accept", "text/html,*/*;q=0.8")])
                #expect(html.headers.first(name: "content-type") == "text/html; charset=utf-8")
                #expect(html.text.hasPrefix("<!doctype html>") && html.text.contains(code.rawValue))
                #expect(!html.text.contains("`"))
            }
            let problem = try await server.get("/api/v1/jobs/none")
            #expect(try await server.get(try #require(problem["type"])).status == 200)
            #expect(try await server.get("/problems/none").status == 404)
        }
    }

    @Test func `codes are unique, and each has sentences`() {
        for code in ProblemCode.allCases {
            #expect(code.meaning.hasSuffix(".") && code.advice.hasSuffix("."), "\(code)")
            #expect(code.meaning != code.advice)
        }
    }
}

/// What Schemathesis has found: requests that the document allows and the server refused, or the other way round.
@Suite struct FoundBySchemathesisTests {
    @Test(arguments: ["48", "48.0", "4.8e1", "480E-1"])
    func `a number without a fraction is whole, however it is spelled, and is the same request`(text: String)
        async throws
    {
        try await withServer { server in
            let plain = try await server.post("/api/v1/jobs", #"{"type":"t","id":"a","priority":48}"#)
            #expect(plain.status == 201)
            let spelled = try await server.post("/api/v1/jobs", "{\"type\":\"t\",\"id\":\"a\",\"priority\":\(text)}")
            #expect(spelled.status == 200 && spelled.int("priority") == 48, "\(spelled.text)")
        }
    }

    @Test(arguments: [
        "/api/v1/jobs?queue=", "/api/v1/jobs?state=", "/api/v1/jobs?state=queued,", "/api/v1/jobs?state=,",
        "/api/v1/jobs?limit=", "/api/v1/jobs/x?wait=", "/api/v1/jobs/x?queue=", "/api/downloads?status=",
    ])
    func `an empty parameter is not the same as none`(path: String) async throws {
        try await withServer { server in
            let answer = try await server.get(path)
            #expect(answer.status == 422, "\(path)")
        }
    }

    @Test(arguments: ["1e-3", "0.001", "1E-3", "0.0"])
    func `a wait may be spelled like any number`(wait: String) async throws {
        try await withServer { server in
            _ = try await server.post("/api/v1/jobs", #"{"type":"t","id":"a"}"#)
            #expect(try await server.get("/api/v1/jobs/a?wait=\(wait)").status == 200)
            for wrong in ["inf", "nan", "0x1", "1e400", "-1", "31"] {
                #expect(try await server.get("/api/v1/jobs/a?wait=\(wrong)").status == 422, "\(wrong)")
            }
        }
    }
}
