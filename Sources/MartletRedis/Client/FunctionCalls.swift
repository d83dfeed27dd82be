// How a client calls functions: by name, after loading a missing library, or as scripts.

import Synchronization

/// How a function or a script is sent.
enum RequestForm: Sendable, Equatable {
    /// A function by its name (FCALL), a script by its digest (EVALSHA).
    case named
    /// A function's script by its digest.
    case digest
    /// A script with its source (EVAL).
    case source
}

/// The state machine that decides how functions are called, and how a call is repeated that the server did not know.
///
/// It does no I/O. Times are instants of a monotonic clock.
struct FunctionCallMachine: Sendable {
    /// What to do after the reply to a request.
    enum Step: Sendable, Equatable {
        /// The reply is final.
        case done
        /// The library is missing: load it, then call ``loaded(_:now:)``.
        case load
        /// The request was not executed; send it again in this form.
        case again(RequestForm)
    }

    /// How long scripts are used before functions are tried again: short for a server that is full or fails over, long
    /// for missing permissions.
    static let shortRest = Duration.seconds(5), longRest = Duration.seconds(60)

    private let isForced: Bool
    private var rest: (until: ContinuousClock.Instant, reason: String)?

    /// - Parameter callsFunctions: whether functions are called by name; `false` calls all of them as scripts.
    init(callsFunctions: Bool) { isForced = !callsFunctions }

    /// Why functions are called as scripts now; `nil` while they are called by name.
    func reason(now: ContinuousClock.Instant) -> String? {
        if isForced { return "this process does not use functions" }
        guard let rest, now < rest.until else { return nil }
        return rest.reason
    }

    /// The form in which a request is sent first.
    func firstForm(of request: RedisRequest, now: ContinuousClock.Instant) -> RequestForm {
        guard case .function = request else { return .named }
        return isForced || rest.map { now < $0.until } == true ? .digest : .named
    }

    /// The next step after the reply to a request in this form.
    mutating func step(
        _ request: RedisRequest, sentAs form: RequestForm, _ result: Result<RedisValue, RedisError>,
        now: ContinuousClock.Instant
    ) -> Step {
        guard case .failure(let error) = result else { return .done }
        switch (request, error.code) {
        case (.script, .noScript), (.function, .noScript): return form == .source ? .done : .again(.source)
        case (.function, .noFunction): return form == .named ? .load : .done
        case (.function, .unknownCommand), (.function, .noPermission):
            guard form == .named, error.code == .unknownCommand || Self.isAboutCalls(error) else { return .done }
            return useScripts(because: error, for: Self.longRest, now: now)
        default: return .done
        }
    }

    /// The next step for the request after the reply to `FUNCTION LOAD`.
    ///
    /// - Throws: the connection's error. The request was not executed, and the state of the library is unknown.
    mutating func loaded(
        _ result: Result<RedisValue, RedisError>, now: ContinuousClock.Instant
    ) throws(RedisError) -> Step {
        guard case .failure(let error) = result else { return .again(.named) }
        switch error.code {
        case .notConnected, .connectionFailed, .connectionLost, .timeout, .cancelled, .closed, .protocolError,
            .authentication, .invalidURL:
            throw RedisError(error.code, error.message, outcome: .notExecuted, underlying: error)
        case .serverError where error.message.contains("already exists"): return .again(.named)
        case .noPermission, .unknownCommand, .serverError, .readOnly:
            return useScripts(because: error, for: Self.longRest, now: now)
        default: return useScripts(because: error, for: Self.shortRest, now: now)
        }
    }

    /// The library was missing again: use scripts, which need no such state.
    mutating func lost(now: ContinuousClock.Instant) -> Step {
        rest = (now + Self.shortRest, "the function library vanishes again and again")
        return .again(.digest)
    }

    private mutating func useScripts(
        because error: RedisError, for duration: Duration, now: ContinuousClock.Instant
    ) -> Step {
        rest = (now + duration, Self.words(for: error.code))
        return .again(.digest)
    }

    /// Why functions cannot be called, without the server's own text.
    private static func words(for code: RedisError.Code) -> String {
        switch code {
        case .noPermission: "the user may not load or call functions"
        case .unknownCommand: "the server has no functions"
        case .outOfMemory: "the server has no memory left for the library"
        case .readOnly: "the server is a replica and takes no library"
        case .misconfigured: "the server cannot write to its disk"
        case .loading, .busy: "the server is busy"
        default: "the server does not take the library"
        }
    }

    /// Whether the user lacks the permission for `FCALL` itself, not for a command or a key of the function.
    private static func isAboutCalls(_ error: RedisError) -> Bool { error.message.contains("'fcall'") }
}

/// The state of function calls of a client, including a library load in progress.
final class FunctionCalls: Sendable {
    private struct State {
        var machine: FunctionCallMachine
        var loading: Task<Result<RedisValue, RedisError>, Never>?
    }

    /// The most library loads for one request.
    private static let mostLoads = 2
    private let state: Mutex<State>

    init(_ configuration: RedisConfiguration) {
        state = Mutex(State(machine: FunctionCallMachine(callsFunctions: configuration.callsFunctions)))
    }

    /// Why functions are called as scripts now; `nil` while they are called by name.
    var scriptReason: String? { state.withLock { $0.machine.reason(now: .now) } }

    func firstForm(of request: RedisRequest) -> RequestForm {
        guard case .function = request else { return .named }
        return state.withLock { $0.machine.firstForm(of: request, now: .now) }
    }

    /// The form in which to send the request again; `nil` when its reply is final.
    ///
    /// - Parameters:
    ///   - loads: the number of library loads for this request so far.
    ///   - load: sends a command.
    /// - Throws: the error of a connection that broke while the library was loaded; the request was not executed.
    func formAgain(
        _ request: RedisRequest, sentAs form: RequestForm, _ result: Result<RedisValue, RedisError>, loads: inout Int,
        load: @escaping @Sendable (RedisRequest) async -> Result<RedisValue, RedisError>
    ) async throws(RedisError) -> RequestForm? {
        guard case .failure = result else { return nil }
        var step = state.withLock { $0.machine.step(request, sentAs: form, result, now: .now) }
        if step == .load, case .function(let function, _, _) = request {
            loads += 1
            if loads > Self.mostLoads {
                step = state.withLock { $0.machine.lost(now: .now) }
            } else {
                let reply = await self.load(function.library, load)
                let next: Result<FunctionCallMachine.Step, RedisError> = state.withLock { state in
                    do throws(RedisError) { return .success(try state.machine.loaded(reply, now: .now)) } catch {
                        return .failure(error)
                    }
                }
                step = try next.get()
            }
        }
        guard case .again(let form) = step else { return nil }
        return form
    }

    /// Loads the library once for all concurrent callers that miss it.
    private func load(
        _ library: RedisLibrary, _ send: @escaping @Sendable (RedisRequest) async -> Result<RedisValue, RedisError>
    ) async -> Result<RedisValue, RedisError> {
        let task = state.withLock { state in
            if let loading = state.loading { return loading }
            var arguments = RedisArguments("FUNCTION", "LOAD")
            arguments.append(library.source)
            let request = RedisRequest.command(arguments)
            let task = Task.detached {
                let reply = await send(request)
                self.state.withLock { $0.loading = nil }
                return reply
            }
            state.loading = task
            return task
        }
        return await task.value
    }
}
