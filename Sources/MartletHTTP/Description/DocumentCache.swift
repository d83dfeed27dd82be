// The document of a server as JSON and as YAML, made once, when it is first asked for.

import MartletJSON
import Synchronization

/// The bytes of a document in one format.
struct RenderedDocument: Sendable {
    let bytes: [UInt8]
    /// What changes when the bytes do.
    let digest: String
    let type: String

    fileprivate init(_ text: String, type: String) {
        bytes = Array(text.utf8)
        digest = RequestDigest.of(bytes)
        self.type = type
    }
}

/// A document in both formats.
struct Documents: Sendable {
    let json: RenderedDocument
    let yaml: RenderedDocument

    init(settings: ServerSettings) {
        let document = OpenAPIDocument.json(settings: settings)
        json = RenderedDocument(document.line, type: "application/json")
        yaml = RenderedDocument(YAMLText.of(document), type: "application/yaml")
    }
}

/// Makes the documents once.
final class DocumentCache: Sendable {
    private let settings: ServerSettings
    private let made = Mutex<Documents?>(nil)

    init(settings: ServerSettings) { self.settings = settings }

    /// The documents; the first request makes them.
    var documents: Documents {
        made.withLock { made in
            if let made { return made }
            let documents = Documents(settings: settings)
            made = documents
            return documents
        }
    }
}
