// The payload of a download: JSON with sorted keys, written without an encoder because batches have thousands of them.

import MartletJobs

extension DownloadJob {
    /// The job's payload; equal jobs have equal bytes, the same as a JSON encoder with sorted keys and plain slashes.
    package var payload: [UInt8] {
        var json = PayloadText()
        json.add("bytes_per_second", bytesPerSecond)
        json.add("checksum", checksum)
        json.add("filename", filename)
        json.add("max_bytes", maxBytes)
        json.add("on_conflict", onConflict?.rawValue)
        switch source {
        case .track(let id): json.add("track_id", id)
        case .url(let url): json.add("url", url)
        }
        return json.finished()
    }
}

extension DownloadJob: Codable {
    private enum CodingKeys: String, CodingKey {
        case url, filename, checksum
        case trackID = "track_id"
        case maxBytes = "max_bytes"
        case bytesPerSecond = "bytes_per_second"
        case onConflict = "on_conflict"
    }

    /// Decodes a payload.
    ///
    /// A track's id takes precedence over a URL.
    ///
    /// - Parameter decoder: the decoder of the payload.
    /// - Throws: `DecodingError` when it has neither a track's id nor a URL, or no file name.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        let track = try fields.decodeIfPresent(String.self, forKey: .trackID)
        source = try track.map(DownloadSource.track) ?? .url(fields.decode(String.self, forKey: .url))
        filename = try fields.decode(String.self, forKey: .filename)
        checksum = try fields.decodeIfPresent(String.self, forKey: .checksum)
        maxBytes = try fields.decodeIfPresent(Int64.self, forKey: .maxBytes)
        bytesPerSecond = try fields.decodeIfPresent(Int64.self, forKey: .bytesPerSecond)
        onConflict = try fields.decodeIfPresent(NameConflict.self, forKey: .onConflict)
    }

    /// Encodes the payload: the URL or the track's id, without the fields that are `nil`.
    ///
    /// - Parameter encoder: the encoder of the payload.
    /// - Throws: the encoder's error.
    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        switch source {
        case .track(let id): try fields.encode(id, forKey: .trackID)
        case .url(let url): try fields.encode(url, forKey: .url)
        }
        try fields.encode(filename, forKey: .filename)
        try fields.encodeIfPresent(checksum, forKey: .checksum)
        try fields.encodeIfPresent(maxBytes, forKey: .maxBytes)
        try fields.encodeIfPresent(bytesPerSecond, forKey: .bytesPerSecond)
        try fields.encodeIfPresent(onConflict, forKey: .onConflict)
    }
}

/// Builds a flat JSON object.
private struct PayloadText {
    private var bytes: [UInt8] = []

    init() { bytes.reserveCapacity(320) }

    mutating func add(_ key: StaticString, _ number: Int64?) {
        guard let number else { return }
        addKey(key)
        bytes += String(number).utf8
    }

    mutating func add(_ key: StaticString, _ text: String?) {
        guard var text else { return }
        addKey(key)
        bytes.append(UInt8(ascii: "\""))
        text.withUTF8 { utf8 in
            var start = utf8.startIndex
            for (index, byte) in utf8.enumerated() where byte < 0x20 || byte == Self.quote || byte == Self.backslash {
                bytes.append(contentsOf: utf8[start..<index])
                addEscape(of: byte)
                start = index + 1
            }
            bytes.append(contentsOf: utf8[start...])
        }
        bytes.append(UInt8(ascii: "\""))
    }

    consuming func finished() -> [UInt8] {
        if bytes.isEmpty { bytes.append(UInt8(ascii: "{")) }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    private static let quote = UInt8(ascii: "\"")
    private static let backslash = UInt8(ascii: "\\")

    private mutating func addKey(_ key: StaticString) {
        bytes.append(bytes.isEmpty ? UInt8(ascii: "{") : UInt8(ascii: ","))
        bytes.append(Self.quote)
        key.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(Self.quote)
        bytes.append(UInt8(ascii: ":"))
    }

    private mutating func addEscape(of byte: UInt8) {
        bytes.append(Self.backslash)
        switch byte {
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0C: bytes.append(UInt8(ascii: "f"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        case 0..<0x20: bytes += ("u00" + Hex.text(of: CollectionOfOne(byte))).utf8
        default: bytes.append(byte)
        }
    }
}
