// The files of the dashboard, embedded in the program: plain HTML, CSS and JavaScript modules.

/// A file that browsers load.
package struct DashboardFile: Sendable {
    /// The path below the dashboard's address.
    package let path: String
    /// The media type.
    package let type: String
    /// The content.
    package let bytes: [UInt8]

    init(_ path: String, _ bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
        type = Self.type(of: path)
    }

    private static func type(of path: String) -> String {
        switch path.split(separator: ".").last {
        case "js": "text/javascript; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "svg": "image/svg+xml"
        default: "text/html; charset=utf-8"
        }
    }
}

/// The dashboard: a page and its files.
package enum Dashboard {
    /// The page.
    ///
    /// It names all modules, so that a browser loads them at once and not one import after another. The style comes first,
    /// because nothing is painted without it.
    ///
    /// Modules of screens that are loaded when they are opened are left out.
    ///
    /// - Parameter folder: the folder below the page's address in which it finds its files.
    /// - Returns: the page.
    package static func page(filesIn folder: String) -> DashboardFile {
        let links = files.filter { $0.path.hasSuffix(".js") && $0.path.contains("/") && !isLater($0.path) }
            .map { "<link rel=\"modulepreload\" fetchpriority=\"low\" href=\"files/\($0.path)\">" }
        let text = String(decoding: PackageResources.index_html, as: UTF8.self)
            .replacing("<!-- modules -->", with: links.joined()).replacing("=\"files/", with: "=\"\(folder)/")
        return DashboardFile("index.html", Array(text.utf8))
    }

    /// The modules of screens that are loaded when they are opened, by screen.
    package static let later = [["screens/audit.js"], ["screens/limits.js", "screens/limit-form.js"]]

    private static func isLater(_ path: String) -> Bool { later.contains { $0.contains(path) } }

    /// All files but the page.
    ///
    /// The tests compare them with the folder `Assets`.
    package static let files = [
        DashboardFile("app.js", PackageResources.app_js),
        DashboardFile("dashboard.css", PackageResources.dashboard_css),
        DashboardFile("icon.svg", PackageResources.icon_svg),
        DashboardFile("theme.js", PackageResources.theme_js),
        DashboardFile("core/api.js", PackageResources.api_js),
        DashboardFile("core/dom.js", PackageResources.dom_js),
        DashboardFile("core/format.js", PackageResources.format_js),
        DashboardFile("core/json.js", PackageResources.json_js),
        DashboardFile("core/keys.js", PackageResources.keys_js),
        DashboardFile("core/listen.js", PackageResources.listen_js),
        DashboardFile("core/live.js", PackageResources.live_js),
        DashboardFile("core/rates.js", PackageResources.rates_js),
        DashboardFile("core/router.js", PackageResources.router_js),
        DashboardFile("core/session.js", PackageResources.session_js),
        DashboardFile("core/settings.js", PackageResources.settings_js),
        DashboardFile("core/stream.js", PackageResources.stream_js),
        DashboardFile("core/tail.js", PackageResources.tail_js),
        DashboardFile("core/time.js", PackageResources.time_js),
        DashboardFile("parts/actions.js", PackageResources.actions_js),
        DashboardFile("parts/announce.js", PackageResources.announce_js),
        DashboardFile("parts/chart.js", PackageResources.chart_js),
        DashboardFile("parts/dialog.js", PackageResources.dialog_js),
        DashboardFile("parts/filter.js", PackageResources.filter_js),
        DashboardFile("parts/help.js", PackageResources.help_js),
        DashboardFile("parts/matching.js", PackageResources.matching_js),
        DashboardFile("parts/pieces.js", PackageResources.pieces_js),
        DashboardFile("parts/rows.js", PackageResources.rows_js),
        DashboardFile("parts/shown.js", PackageResources.shown_js),
        DashboardFile("parts/table.js", PackageResources.table_js),
        DashboardFile("screens/add-downloads.js", PackageResources.add_downloads_js),
        DashboardFile("screens/all.js", PackageResources.all_js),
        DashboardFile("screens/attention.js", PackageResources.attention_js),
        DashboardFile("screens/audit.js", PackageResources.audit_js),
        DashboardFile("screens/download-actions.js", PackageResources.download_actions_js),
        DashboardFile("screens/downloads.js", PackageResources.downloads_js),
        DashboardFile("screens/errors.js", PackageResources.errors_js),
        DashboardFile("screens/events.js", PackageResources.events_js),
        DashboardFile("screens/job.js", PackageResources.job_js),
        DashboardFile("screens/jobs.js", PackageResources.jobs_js),
        DashboardFile("screens/limit-form.js", PackageResources.limit_form_js),
        DashboardFile("screens/limits.js", PackageResources.limits_js),
        DashboardFile("screens/login.js", PackageResources.login_js),
        DashboardFile("screens/overview.js", PackageResources.overview_js),
        DashboardFile("screens/pausing.js", PackageResources.pausing_js),
        DashboardFile("screens/queue.js", PackageResources.queue_js),
        DashboardFile("screens/queues.js", PackageResources.queues_js),
        DashboardFile("screens/settings-form.js", PackageResources.settings_form_js),
        DashboardFile("screens/story.js", PackageResources.story_js),
        DashboardFile("screens/system.js", PackageResources.system_js),
        DashboardFile("screens/workers.js", PackageResources.workers_js),
    ]

    /// The file at a path below the dashboard's address; `nil` when there is none.
    ///
    /// - Parameter path: the path without a leading slash.
    /// - Returns: the file.
    package static func file(at path: String) -> DashboardFile? { byPath[path] }

    private static let byPath = Dictionary(uniqueKeysWithValues: files.map { ($0.path, $0) })
}
