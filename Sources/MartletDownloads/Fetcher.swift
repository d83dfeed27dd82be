// One question to a server, through checked addresses and at most a few redirects, up to the answer's head.

import AsyncHTTPClient
import FoundationEssentials
import Logging
import MartletJobs
import NIOCore
import NIOHTTP1

/// An answer whose body may be read until ``done()``.
struct OpenAnswer: Sendable {
    var answer: Answer
    var body: HTTPClientResponse.Body
    var done: @Sendable () -> Void
}

struct Fetcher: Sendable {
    let configuration: DownloadConfiguration
    let resolver: AddressResolver
    let policy: AddressPolicy
    let clients: ClientCache

    /// How many addresses of a host are tried.
    private static let addressLimit = 4

    init(configuration: DownloadConfiguration, resolver: AddressResolver, policy: AddressPolicy) {
        self.configuration = configuration
        self.resolver = resolver
        self.policy = policy
        clients = ClientCache(configuration: configuration, policy: policy)
    }

    /// Asks for a file and follows redirects; the caller must call `done` when it has read what it wants.
    func ask(
        _ start: DownloadURL, request: Request, known: DownloadCheckpoint, limit: Int64, logger: Logger
    ) async throws -> OpenAnswer {
        var url = start
        for _ in 0...configuration.maxRedirects {
            let rules = AnswerRules(request: request, known: known, limit: limit, source: url.display)
            let open = try await hop(url, request: request, rules: rules)
            guard case .redirect(let location) = open.answer else { return open }
            open.done()
            url = try redirect(from: url, to: location)
            logger.debug("Following a redirect", metadata: ["url": "\(url.display)"])
        }
        throw DownloadError.permanent(
            .tooManyRedirects, "the server redirected more than \(configuration.maxRedirects) times")
    }

    /// Where a redirect leads, checked like the first URL; never from https to http.
    func redirect(from url: DownloadURL, to location: String) throws -> DownloadURL {
        let next: DownloadURL
        do {
            next = try url.resolved(location, allowPrivateAddresses: configuration.allowPrivateAddresses)
        } catch {
            throw DownloadError(error, in: "the redirect's")
        }
        guard next.isSecure || !url.isSecure else {
            throw DownloadError.permanent(.addressRefused, "the server redirected from https to http")
        }
        return next
    }

    private func hop(_ url: DownloadURL, request: Request, rules: AnswerRules) async throws -> OpenAnswer {
        let addresses = try await policy.addresses(of: url.host, by: resolver)
        var failure: any Error = DownloadError.transient(.connectFailed, "\(url.host) has no address")
        for address in addresses.prefix(Self.addressLimit) {
            do {
                return try await exchange(url, at: address, request: request, rules: rules)
            } catch {
                try Task.checkCancellation()
                failure = DownloadError(any: error, isConnected: false, wait: configuration.stallTimeout)
                guard (failure as? DownloadError)?.code == .connectFailed else { throw failure }
            }
        }
        throw failure
    }

    private func exchange(
        _ url: DownloadURL, at address: IPAddress, request: Request, rules: AnswerRules
    ) async throws -> OpenAnswer {
        let key = ClientCache.Key(host: url.host, address: address)
        let (client, isUsed) = try clients.borrow(key)
        do {
            let response = try await head(url, client: client, request: request, mayRepeat: isUsed)
            let head = ResponseHead(
                status: Int(response.status.code), headers: response.headers,
                receivedAt: Int64(Date().timeIntervalSince1970))
            return OpenAnswer(answer: rules.judge(head), body: response.body) { [clients] in clients.giveBack(key) }
        } catch {
            clients.giveBack(key)
            throw error
        }
    }

    /// Sends the request; once more when a connection from before turns out to be closed by now.
    private func head(
        _ url: DownloadURL, client: HTTPClient, request: Request, mayRepeat: Bool
    ) async throws -> HTTPClientResponse {
        var message = HTTPClientRequest(url: url.text)
        message.headers = headers(for: request)
        let wait = configuration.connectTimeout + configuration.stallTimeout
        do {
            return try await client.execute(message, timeout: wait.asTimeAmount)
        } catch let error as HTTPClientError where mayRepeat && error == .remoteConnectionClosed {
            return try await client.execute(message, timeout: wait.asTimeAmount)
        }
    }

    private func headers(for request: Request) -> HTTPHeaders {
        var headers = HTTPHeaders([
            ("User-Agent", configuration.userAgent), ("Accept", "*/*"), ("Accept-Encoding", "identity"),
        ])
        if case .rest(let start, let ifRange) = request {
            headers.add(name: "Range", value: "bytes=\(start)-")
            headers.add(name: "If-Range", value: ifRange)
        }
        return headers
    }
}
