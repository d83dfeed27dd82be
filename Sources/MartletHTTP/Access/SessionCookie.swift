// The cookie with which a browser sends a token that a person has entered once.

import HTTPTypes
import MartletJobs
import MartletQueue

/// Writes and reads the session cookie.
///
/// It holds the token itself: the server stores only hashes of tokens, several servers accept it, and it ends with the
/// token. Scripts cannot read it, and browsers send it only with requests of the dashboard's own pages. It names no
/// path, so a browser sends it to the folder of the address that set it: to `/api`, under whatever prefix a proxy adds. The name
/// prefix `__Host-` would need the path `/`, and the cookie would go to all paths of other servers on the host.
enum SessionCookie {
    static let name = "martlet_session"

    /// How long a browser keeps it, in seconds: a week.
    private static let lifetime = 604_800

    /// Sets the cookie.
    ///
    /// - Parameter isSecure: whether the browser reaches the server through TLS.
    static func set(_ token: String, isSecure: Bool) -> String {
        "\(name)=\(Hex.text(of: token.utf8)); Max-Age=\(lifetime); \(attributes)\(isSecure ? "; Secure" : "")"
    }

    /// Removes the cookie.
    static let cleared = "\(name)=; Max-Age=0; \(attributes)"

    private static let attributes = "HttpOnly; SameSite=Strict"

    /// The token in a request's cookies; `nil` without one.
    static func token(in fields: HTTPFields) -> String? {
        for field in fields where field.name == .cookie {
            for pair in field.value.split(separator: ";") {
                let pair = pair.drop { $0 == " " }
                guard pair.hasPrefix(name + "="), let bytes = Hex.bytes(pair.dropFirst(name.utf8.count + 1)) else {
                    continue
                }
                return String(validating: bytes, as: UTF8.self)
            }
        }
        return nil
    }
}
