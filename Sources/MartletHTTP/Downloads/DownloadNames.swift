// Gives the downloads of one request names of their own, before any of them is pushed.

/// The names that the downloads of one request have so far.
struct DownloadNames {
    /// Each name with the last number that was put behind it.
    private var taken: [String: Int] = [:]

    /// The plan of the next download; where an earlier one has its name, what `on_conflict` says is done.
    mutating func plan(
        _ request: DownloadRequest, by catalog: DownloadCatalog
    ) throws(DownloadRefusal) -> DownloadPlan {
        let plan = try catalog.plan(request)
        guard var number = taken.updateValue(1, forKey: plan.filename) else { return plan }
        switch request.onConflict ?? .rename {
        case .replace: return plan
        case .error:
            throw DownloadRefusal(
                field: "filename", detail: "is \(plan.filename), as that of an earlier download of this request")
        case .rename:
            var renamed = request
            repeat {
                number += 1
                renamed.filename = catalog.numbered(plan.filename, number)
            } while renamed.filename.map { taken[$0] != nil } ?? false
            taken[plan.filename] = number
            let other = try catalog.plan(renamed)
            taken[other.filename] = 1
            return other
        }
    }
}
