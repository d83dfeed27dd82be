// chromedriver, one process for all tests, and its protocol: W3C WebDriver.

import AsyncHTTPClient
import FoundationEssentials
import MartletCommandSupport
import MartletJSON
import NIOCore
import NIOHTTP1
import TestSupport

@testable import MartletCLI

/// An error answer of the driver, or none in time.
struct WebDriverError: Error, CustomStringConvertible {
    let description: String
}

/// A running chromedriver.
final class WebDriver: Sendable {
    private static let starting = Task { try await WebDriver() }
    private let base: String
    private let process: Subprocess

    /// The driver of this test process; it ends with it.
    static var shared: WebDriver { get async throws { try await starting.value } }

    private init() async throws {
        let log = temporaryDirectory("driver") + "/log"
        // The shell ends the driver when its standard input ends, whatever becomes of this process.
        let script = "chromedriver --port=0 </dev/null & cat >/dev/null; kill $!"
        process = try Subprocess(
            "/bin/sh", ["-c", script], environment: Subprocess.plainEnvironment, output: log, errors: log)
        var port: Substring?
        try await eventually(within: .seconds(60), "chromedriver says its port") {
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            port = text.firstMatch(of: /started successfully on port (\d+)\D/)?.1
            return port != nil
        }
        base = "http://127.0.0.1:\(port ?? "")"
    }

    /// Sends a command; answers its value.
    func send(_ method: HTTPMethod, _ path: String, _ body: JSONValue? = nil) async throws -> JSONValue {
        var request = HTTPClientRequest(url: base + path)
        request.method = method
        if method == .POST {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(Array((body ?? .object([:])).line.utf8))
        }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(120))
        let bytes = Array(buffer: try await response.body.collect(upTo: 64 << 20))
        let value = try JSONValue.parse(bytes, source: "chromedriver")["value"]
        guard response.status == .ok else {
            throw WebDriverError(
                description: "\(path): \(value["error"].string ?? ""): \(value["message"].string?.prefix(600) ?? "")")
        }
        return value
    }
}
