// The API's own description and the pages of problems.

import HTTPTypes
import MartletJSON

extension API {
    /// The document in one format; clients may keep it for five minutes, and ask by its tag then.
    func document(_ format: any KeyPath<Documents, RenderedDocument> & Sendable, _ call: Call) -> Reply {
        let document = documents.documents[keyPath: format]
        var reply = Reply(document.bytes, type: document.type)
        reply.cacheControl = "public, max-age=300"
        return Self.tagged(reply, document.digest, call)
    }

    /// What a problem means and what to do: HTML where it is asked for, otherwise plain text.
    func problemPage(_ call: Call) throws -> Reply {
        guard let code = call.parameters["code"].flatMap(ProblemCode.init(rawValue:)) else {
            throw HTTPProblem.notFound("there is no problem with this code")
        }
        let isHTML = call.headers.value(of: .accept)?.lowercased().contains("text/html") ?? false
        var reply =
            isHTML
            ? Reply(Array(Self.html(code).utf8), type: "text/html; charset=utf-8")
                .with(.contentSecurityPolicy, "default-src 'none'").with(.vary, "Accept")
            : Reply(Array(Self.text(code).utf8), type: "text/plain; charset=utf-8").with(.vary, "Accept")
        reply.cacheControl = "public, max-age=3600"
        return reply
    }

    private static func title(_ code: ProblemCode) -> String {
        "\(code.rawValue) (\(code.status.code) \(code.status.reasonPhrase))"
    }

    private static func text(_ code: ProblemCode) -> String {
        "\(title(code))\n\nWhat it means: \(code.meaning)\nWhat to do: \(code.advice)\n"
    }

    private static func html(_ code: ProblemCode) -> String {
        """
        <!doctype html>
        <html lang="en">
        <head><meta charset="utf-8"><title>\(markup(title(code)))</title></head>
        <body>
        <h1>\(markup(title(code)))</h1>
        <p>What it means: \(markup(code.meaning))</p>
        <p>What to do: \(markup(code.advice))</p>
        </body>
        </html>

        """
    }

    /// A text of the table in HTML; what stands between backticks is code.
    private static func markup(_ text: String) -> String {
        let escaped = text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
        let parts = escaped.split(separator: "`", omittingEmptySubsequences: false)
        return parts.enumerated().map { $0.offset % 2 == 1 ? "<code>\($0.element)</code>" : String($0.element) }
            .joined()
    }
}
