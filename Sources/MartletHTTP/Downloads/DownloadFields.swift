// The fields of downloads in the bodies of requests.

import MartletJSON
import MartletJobs
import MartletQueue

/// The fields that describe a download or change one.
///
/// The catalog of the process has further rules for URLs, names, checksums and speeds; the schemas say those that can be
/// said.
enum DownloadField {
    static let url = Field.text(
        "url", length: 1...8192, "The http or https URL; not together with `track_id`.",
        schema: .keywords([
            "type": "string", "format": "uri", "minLength": 1, "maxLength": 8192,
            "pattern": #"^[Hh][Tt][Tt][Pp][Ss]?://[^\x00-\x20\x7F\\@][^\x00-\x20\x7F\\]*$"#,
        ]))
    static let trackID = Field.text(
        "track_id", "A track, whose URL the server makes; it needs DOWNLOAD__SOURCE_URL. Not together with `url`.")
    // Not blank, no dot at its beginning, no slashes and no control characters.
    static let filename = Field.text(
        "filename", length: 1...1024, "The name of the file; taken from the URL without it.",
        schema: .text(
            1...1024,
            pattern: #"^( +[^ /\\\x00-\x1F\x7F-\x9F]|[^ ./\\\x00-\x1F\x7F-\x9F])[^/\\\x00-\x1F\x7F-\x9F]*$"#))
    static let checksum = Field.text(
        "checksum", "`sha256:` and the hexadecimal digest that the file must have.",
        schema: .keywords(["type": "string", "pattern": "^[Ss][Hh][Aa]256:[0-9A-Fa-f]{64}$"]))
    static let maxBytes = Field.integer(
        "max_bytes", in: 1...(1 << 53), "The size above which the download fails, in bytes.")
    static let bytesPerSecond = Field<Int>(
        "bytes_per_second", .integer(1024...(1 << 53)), "The speed limit of this download."
    ) { $0.integer("bytes_per_second", in: 1...(1 << 53)) }
    static let onConflict = Field.word(
        "on_conflict",
        "What happens when the name is taken: the file gets a number, the download fails, or the other file is "
            + "replaced.", default: NameConflict.rename)
    static let timeout = Field.seconds(
        "timeout_seconds", in: 1...NewJob.Limit.delaySeconds, "The time limit of one attempt; none without it.")
    static let maxRetries = Field.integer(
        "max_retries", in: NewJob.Limit.retries,
        "How often the download is tried again; DOWNLOAD__DEFAULT_MAX_RETRIES without it.")
    static let delay = Field.seconds(
        "delay_seconds", in: 0...NewJob.Limit.delaySeconds, "Seconds until the download may start.", default: 0)
    static let unique = Field.flag(
        "unique", "Whether the push is refused while another download of the same source has not finished.",
        default: false)

    private static let fields: [any Described] = [
        url, trackID, filename, checksum, maxBytes, bytesPerSecond, onConflict, JobField.priority, delay, maxRetries,
        timeout, unique,
    ]
    private static let rules = ShapeRule.exactlyOne("url", "track_id")

    /// The body of `POST /api/downloads`.
    static let shape = ObjectShape(
        body: "NewDownload", "A download to push.", fields + [DurabilityField.durability], rules: rules)
    /// A download of `POST /api/downloads/batch`, whose durability is that of the batch.
    static let itemShape = ObjectShape(
        body: "NewBatchDownload", "A download of a batch; without a priority it has that of the batch.", fields,
        rules: rules)
    /// The body of a retry.
    static let retryShape = ObjectShape(
        body: "DownloadRetry", "What to change before the next attempt.", [filename, onConflict])
}

/// The fields of `POST /api/downloads/batch`.
enum DownloadBatchField {
    static let tracks = LimitedField.batch("track_ids", of: .keywords(["type": "string", "format": "uuid"]), "Tracks.")
    static let downloads = LimitedField.batch("downloads", of: .object(DownloadField.itemShape), "Downloads.")

    static let shape = ObjectShape(
        body: "NewDownloads", "Downloads to push together, all or none.",
        [tracks, downloads, JobField.priority, DurabilityField.durability],
        rules: ShapeRule.exactlyOne("track_ids", "downloads"))
}

/// The fields that set one value.
enum DownloadSettingField {
    static let concurrency = LimitedField<Int>(
        property: Property(
            name: "max_concurrent_downloads", schema: .limited { .integer($0.concurrencyRange) },
            about: "How many downloads run at one time, over all workers.", isRequired: true)
    ) { $0.integer("max_concurrent_downloads", in: $1.concurrencyRange, required: true) }
    static let priority = Field.integer(
        "priority", in: NewJob.Limit.priorities, "A larger number runs first.", required: true)

    static let concurrencyShape = ObjectShape(body: "NewConcurrency", "A limit of downloads.", [concurrency])
    static let priorityShape = ObjectShape(body: "NewPriority", "A priority.", [priority])
}
