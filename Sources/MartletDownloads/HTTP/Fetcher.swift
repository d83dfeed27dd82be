// One HTTP request over validated addresses, following a few redirects.

import FoundationEssentials
import Logging
import MartletJobs
import NIOCore
import NIOHTTP1

struct Fetcher: Sendable {
    let configuration: DownloadConfiguration
    let resolver: AddressResolver
    let policy: AddressPolicy
    private let connector: HTTPConnector

    /// The most addresses tried per host.
    private static let addressLimit = 4

    init(configuration: DownloadConfiguration, resolver: AddressResolver, policy: AddressPolicy) {
        self.configuration = configuration
        self.resolver = resolver
        self.policy = policy
        connector = HTTPConnector(configuration: configuration, policy: policy)
    }

    /// Reads a response body that is to be written; returns the action for the caller.
    typealias Reader = @Sendable (BodyPlan, inout ResponseBodyReader) async throws -> Void

    /// Requests a file and follows redirects; `read` receives the body if it is to be written.
    func ask(
        _ start: DownloadURL, request: Request, known: DownloadCheckpoint, limit: Int64, logger: Logger,
        read: @escaping Reader
    ) async throws -> ResponseAction {
        var url = start
        for _ in 0...configuration.maxRedirects {
            let rules = ResponseRules(request: request, known: known, limit: limit, source: url.display)
            let answer = try await hop(url, rules, read)
            guard case .redirect(let location) = answer else { return answer }
            url = try redirect(from: url, to: location)
            logger.debug("following redirect", metadata: ["url": "\(url.display)"])
        }
        throw DownloadError.permanent(
            .tooManyRedirects, "the server redirected more than \(configuration.maxRedirects) times")
    }

    /// The target of a redirect, validated like the first URL; never from https to http.
    func redirect(from url: DownloadURL, to location: String) throws -> DownloadURL {
        let next: DownloadURL
        do {
            next = try url.resolved(location, allowPrivateAddresses: configuration.allowPrivateAddresses)
        } catch {
            throw DownloadError(error, in: "the redirect's Location:")
        }
        guard next.isSecure || !url.isSecure else {
            throw DownloadError.permanent(.addressRefused, "the server redirected from https to http")
        }
        return next
    }

    private func hop(_ url: DownloadURL, _ rules: ResponseRules, _ read: @escaping Reader) async throws
        -> ResponseAction
    {
        let wire = try await connect(to: url)
        return try await wire.executeThenClose { inbound, outbound in
            try await exchange(url, rules, wire.channel, inbound, outbound, read)
        }
    }

    /// Connects to the first address of the host that accepts.
    private func connect(to url: DownloadURL) async throws -> HTTPWire {
        let addresses = try await policy.addresses(of: url.host, by: resolver)
        var failure = DownloadError.unusable(url.host, detail: "it has no address")
        for address in addresses.prefix(Self.addressLimit) {
            do {
                return try await connector.connect(to: url, at: address)
            } catch {
                try Task.checkCancellation()
                failure = DownloadError(any: error, isConnected: false)
            }
        }
        throw failure
    }

    private func exchange(
        _ url: DownloadURL, _ rules: ResponseRules, _ channel: any Channel,
        _ inbound: NIOAsyncChannelInboundStream<HTTPClientResponsePart>,
        _ outbound: NIOAsyncChannelOutboundWriter<HTTPClientRequestPart>, _ read: Reader
    ) async throws -> ResponseAction {
        // Until the response head arrives, the TLS handshake is included.
        let watch = StallDetector(SpeedRules(configuration), allowance: configuration.connectTimeout)
        let stall = watch.start(on: channel)
        defer { stall.cancel() }
        let head = HTTPRequestHead(
            version: .http1_1, method: .GET, uri: url.target, headers: headers(for: rules.request, url))
        var reader = ResponseBodyReader(inbound, watch: watch)
        // A failed connection refuses the write; reading then reports the reason.
        try? await outbound.write(contentsOf: [.head(head), .end(nil)])
        let response = try await reader.head()
        let answer = rules.action(
            ResponseHead(
                status: Int(response.status.code), headers: response.headers,
                receivedAt: Int64(Date().timeIntervalSince1970)))
        if case .write(let plan) = answer {
            watch.beginBody()
            try await read(plan, &reader)
        }
        return answer
    }

    private func headers(for request: Request, _ url: DownloadURL) -> HTTPHeaders {
        var headers = HTTPHeaders([
            ("Host", url.authority), ("User-Agent", configuration.userAgent), ("Accept", "*/*"),
            ("Accept-Encoding", "identity"), ("Connection", "close"),
        ])
        if case .rest(let start, let ifRange) = request {
            headers.add(name: "Range", value: "bytes=\(start)-")
            headers.add(name: "If-Range", value: ifRange)
        }
        return headers
    }
}
