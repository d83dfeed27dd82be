// The views of `martlet top`: what each asks the server for, and its columns.

import ArgumentParser
import MartletCommandSupport
import MartletJSON

/// A view: one table.
enum TopView: String, CaseIterable, Sendable, ExpressibleByArgument {
    case queues, jobs, errors, workers, downloads

    var title: String { rawValue.prefix(1).uppercased() + rawValue.dropFirst() }

    /// The key that shows it.
    var digit: Character { Character(String((Self.allCases.firstIndex(of: self) ?? 0) + 1)) }

    /// The view that is this many places further, around the end.
    func advanced(by step: Int) -> TopView {
        let count = Self.allCases.count
        let index = (Self.allCases.firstIndex(of: self) ?? 0) + step + count
        return Self.allCases[index % count]
    }

    /// The columns of the table.
    var columns: ItemView {
        switch self {
        case .queues: QueueView.list
        case .jobs: Self.jobColumns
        case .errors: Self.errorColumns
        case .workers: WorkerView.list
        case .downloads: DownloadCommand.view
        }
    }

    /// The fields of one row that come first when all of them are shown.
    var order: [String] {
        switch self {
        case .queues: QueueView.order
        case .jobs, .errors: JobCommand.order
        case .workers: ["id", "alive", "last_seen_seconds"]
        case .downloads: DownloadCommand.order
        }
    }

    private static let jobColumns = ItemView(
        .text("ID", "id"), .text("QUEUE", "queue").shortened(to: 8).optional(2),
        .text("TYPE", "type").shortened(to: 12, .middle), .text("STATE", "state"),
        .number("DONE") { $0["progress"]["percent"].double.map(HumanReadable.percent) ?? "" }.optional(3),
        .number("PRIORITY", "priority").optional(4), .number("ATTEMPT", "attempt").optional(5),
        .text("CREATED", "created_at").optional(6), .text("ERROR", "error").shortened(to: 16).optional(1))

    private static let errorColumns = ItemView(
        .text("ID", "id"), .text("QUEUE", "queue").shortened(to: 8).optional(1),
        .text("TYPE", "type").shortened(to: 10, .middle).optional(2), .text("STATE", "state"),
        .number("ATTEMPT", "attempt").optional(3), .text("ERROR", "error").shortened(to: 20))
}

/// A part of what is shown; each is loaded by one request.
enum TopPart: Sendable, Hashable {
    case queues, workers, system, list, detail

    /// After how many seconds it is loaded again.
    var interval: Double { self == .workers || self == .system ? 5 : 1 }
}

/// A request for a part.
struct TopRequest: Sendable, Hashable {
    var part: TopPart
    /// The path with its query.
    var path: String

    static let queues = TopRequest(part: .queues, path: "/api/v1/queues")
    static let workers = TopRequest(part: .workers, path: "/api/v1/workers")
    static let system = TopRequest(part: .system, path: "/api/v1/system")

    /// The most rows of a list of jobs or downloads.
    static let limit = 100

    /// Jobs in some states, of one queue or of all.
    static func jobs(_ states: String?, queue: String?) -> TopRequest {
        let query = APIClient.query([("state", states), ("queue", queue), ("limit", String(limit))])
        return TopRequest(part: .list, path: "/api/v1/jobs" + query)
    }

    static let downloads = TopRequest(part: .list, path: "/api/downloads?limit=\(limit)")

    /// One job or download; `nil` where a row has all that there is to know.
    static func detail(_ row: TopRow, in view: TopView) -> TopRequest? {
        let id = APIClient.escaped(row.item["id"].string ?? "")
        switch view {
        case .queues, .workers: return nil
        case .jobs, .errors:
            let query = APIClient.query([("queue", row.item["queue"].string)])
            return TopRequest(part: .detail, path: "/api/v1/jobs/\(id)\(query)")
        case .downloads: return TopRequest(part: .detail, path: "/api/downloads/\(id)")
        }
    }
}

/// A row of a table.
struct TopRow: Sendable, Equatable {
    /// Identifies the row in its view.
    var key: String
    var item: JSONValue
    var cells: [String]

    /// Whether it needs attention.
    func style(in view: TopView) -> TextStyle {
        switch view {
        case .queues: item["paused"].bool == true ? .warning : .plain
        case .workers: WorkerView.state(item) == "unresponsive" ? .bad : .plain
        case .jobs, .errors, .downloads: JobCommand.state(item) == "failed" ? .bad : .plain
        }
    }
}

/// The states whose jobs are listed, one choice after another.
enum TopStates {
    static let all: [(name: String, query: String?)] = [
        ("unfinished", "active,queued,blocked,scheduled,retrying,paused"), ("active", "active"), ("queued", "queued"),
        ("scheduled", "scheduled"), ("retrying", "retrying"), ("paused", "paused"), ("completed", "completed"),
        ("failed", "failed"), ("cancelled", "cancelled"), ("all", nil),
    ]

    /// Jobs with an error.
    static let errors = "failed,retrying"
}
