// Assigns distinct names to the downloads of one request before any of them is pushed.

/// The names assigned so far.
struct DownloadNames {
    /// The last number added to each name.
    private var taken: [String: Int] = [:]

    /// The plan of the next download; applies `on_conflict` if an earlier one has its name.
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
