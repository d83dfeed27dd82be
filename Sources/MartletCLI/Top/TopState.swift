// What `martlet top` shows and what its keys do: a pure value. Input goes in; actions and a screen come out.

import MartletCommandSupport
import MartletJSON

/// What happens to `martlet top`.
enum TopInput: Sendable {
    case key(Key)
    case size(TerminalSize)
    /// Time has passed.
    case tick
    /// The answers to a round of requests.
    case loaded([TopAnswer])
    /// What came of an action on jobs, queues or downloads.
    case acted(TopMessage)
}

/// What the program does next.
enum TopAction: Sendable, Equatable {
    case load([TopRequest])
    case act(TopOperation)
    /// Every line is written again.
    case redraw
    case quit
}

/// The answer to a request.
struct TopAnswer: Sendable {
    var request: TopRequest
    var result: Result<JSONValue, CommandFailure>
}

/// A line for the person at the keys.
struct TopMessage: Sendable, Equatable {
    var text: String
    var isBad = false
}

/// The last answer of a part.
struct TopLoaded: Sendable {
    var request: TopRequest
    var value = JSONValue.null
    /// When it came.
    var time: Double
    /// Why there is no answer, where the server refused one.
    var refusal: String?
}

/// The state; times are seconds of one clock.
struct TopState: Sendable {
    let server: String
    var size: TerminalSize
    var view: TopView
    var now = 0.0

    /// The queue of the listed jobs; `nil` for all.
    var queue: String?
    /// Which of ``TopStates`` is listed.
    var states = 0
    var filter = ""
    var cursors: [TopView: TopCursor] = [:]
    var marked: Set<String> = []
    var detail: TopDetail?
    var prompt: TopPrompt?
    var message: TopMessage?
    var showsHelp = false
    /// Whether nothing is loaded until it is false again.
    var isFrozen = false

    private(set) var parts: [TopPart: TopLoaded] = [:]
    private(set) var rates = TopRates()
    private(set) var loss: Loss?
    /// How many actions have no answer yet; quitting waits for them.
    var acting = 0
    var isQuitting = false
    private var isLoading = false
    private var nextLoad = 0.0

    /// The server does not answer.
    struct Loss: Sendable {
        var since: Double
        var reason: String
        var failures: Int
    }

    /// - Parameters:
    ///   - server: its URL, as it is shown.
    ///   - view: what is shown first.
    ///   - queue: the only queue whose jobs are listed; `nil` for all.
    ///   - size: the size of the terminal.
    init(server: String, view: TopView, queue: String?, size: TerminalSize = .init(columns: 80, rows: 24)) {
        self.server = server
        self.view = view
        self.queue = queue
        self.size = size
    }

    /// Takes an input.
    ///
    /// - Parameter now: the time of the input, in seconds.
    /// - Returns: what to do, in order.
    mutating func take(_ input: TopInput, at now: Double) -> [TopAction] {
        self.now = max(now, self.now)
        switch input {
        case .key(let key): return press(key) + loadIfDue()
        case .size(let size):
            self.size = size
            return [.redraw]
        case .tick: return loadIfDue()
        case .loaded(let answers):
            isLoading = false
            note(answers)
            return loadIfDue()
        case .acted(let message):
            self.message = message
            acting -= 1
            if isQuitting, acting == 0 { return [.quit] }
            reload()
            return loadIfDue()
        }
    }

    /// The requests of the next round: what the view shows, and the rest of the header when it is old.
    var requests: [TopRequest] {
        let wanted = [.queues, list, detail?.request].compactMap(\.self) + [.workers, .system]
        var requests: [TopRequest] = []
        for request in wanted where !requests.contains(request) && isDue(request) { requests.append(request) }
        return requests
    }

    /// The request for the rows of the view.
    var list: TopRequest {
        switch view {
        case .queues: .queues
        case .jobs: .jobs(TopStates.all[states].query, queue: queue)
        case .errors: .jobs(TopStates.errors, queue: queue)
        case .workers: .workers
        case .downloads: .downloads
        }
    }

    /// Makes the next round begin at once, also while the numbers are frozen.
    mutating func reload() { nextLoad = -1 }

    private func isDue(_ request: TopRequest) -> Bool {
        guard let loaded = parts[request.part], loaded.request == request else { return true }
        // Rounds are a second apart; a view whose rows are a part of the header loads it in every round.
        return request == list || now - loaded.time >= request.part.interval - 0.5
    }

    private mutating func loadIfDue() -> [TopAction] {
        guard !isLoading, now >= nextLoad, !isFrozen || nextLoad < 0 else { return [] }
        isLoading = true
        nextLoad = now + pause
        return [.load(requests)]
    }

    /// The seconds from one round to the next; longer while the server does not answer.
    private var pause: Double { loss.map { min(Double(1 << min($0.failures, 4)), 10) } ?? 1 }

    private mutating func note(_ answers: [TopAnswer]) {
        var reason: String?
        for answer in answers {
            switch answer.result {
            case .success(let value):
                parts[answer.request.part] = TopLoaded(request: answer.request, value: value, time: now)
                if answer.request.part == .queues { rates.note(value["queues"].array ?? [], at: now) }
            case .failure(let failure) where failure.code == .unavailable: reason = reason ?? failure.message
            case .failure(let failure):
                parts[answer.request.part] = TopLoaded(request: answer.request, time: now, refusal: failure.message)
            }
        }
        if let reason {
            loss = Loss(since: loss?.since ?? now, reason: reason, failures: (loss?.failures ?? 0) + 1)
            nextLoad = now + pause
        } else {
            loss = nil
        }
        keepCursor()
    }
}
