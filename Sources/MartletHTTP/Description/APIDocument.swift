// The document of the API for programs without a server.

import MartletJSON

/// The OpenAPI document of a server with standard limits.
package struct APIDocument: Sendable {
    private let document: JSONValue

    /// Makes the document.
    package init(version: String) {
        var settings = ServerSettings()
        settings.version = version
        document = OpenAPIDocument.json(settings: settings)
    }

    /// As JSON, one line for each value.
    package var json: String { document.pretty + "\n" }

    /// As YAML.
    package var yaml: String { YAMLText.of(document) }
}
